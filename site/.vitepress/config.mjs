import { defineConfig } from 'vitepress';

const page = (text, link) => ({ text, link });

export default defineConfig({
  title: 'dragonpay-callback',
  description: 'Receives the callbacks of Dragonpay in Node.js: verified, stored once and in order.',
  lang: 'en',
  srcDir: '.build/pages',
  outDir: '.build/html',
  cleanUrls: true,
  // Anchors of headings are made as code hosts make them, so that links work on both.
  markdown: {
    anchor: { slugify: slugOf },
    // Braces in code are not expressions of Vue.
    config: (markdown) => {
      const { code_inline: render } = markdown.renderer.rules;
      markdown.renderer.rules.code_inline = (...args) => render(...args).replace('<code', '<code v-pre');
    },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  },
  // The index of the search is one large file.
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    search: {
      provider: 'local',
      // Guides come first in the search: they answer most questions better than the reference.
      options: { miniSearch: { searchOptions: { boostDocument: (id) => (id.startsWith('/reference') ? 0.2 : 1) } } },
    },
    outline: [2, 3],
    nav: [page('Guide', '/handlers'), page('Recipes', '/recipes'), page('Reference', '/reference/')],
    sidebar: [
      {
        text: 'Learn',
        items: [
          page('Start here', '/'),
          page('Handlers', '/handlers'),
          page('The demo shop', '/demo'),
          page('Going live', '/going-live'),
          page('Choosing a database', '/choosing-a-database'),
          page('Coming from django-dragonpay', '/coming-from-django-dragonpay'),
        ],
      },
      {
        text: 'How to',
        items: [
          page('Mount it on your server', '/mounting'),
          page('Recipes', '/recipes'),
          page('Work after the commit', '/work-after-commit'),
          page('Recover lost callbacks', '/reconciliation'),
          page('Test your handler', '/testing'),
          page('Run a local Dragonpay', '/sandbox'),
          page('Use NestJS', '/nestjs'),
          page('Use Hono, Bun, Deno, Next.js', '/fetch'),
          page('Use AWS Lambda', '/serverless'),
          page('Use dependency injection', '/dependency-injection'),
          page('Write your own repository', '/your-own-repository'),
          page('Use plain JavaScript', '/plain-javascript'),
          page('Watch it', '/observability'),
          page('Use your tools', '/tools'),
        ],
      },
      {
        text: 'Reference',
        items: [
          page('Public names', '/reference/'),
          page('Settings', '/settings'),
          page('Errors', '/errors'),
          page('Command line', '/command-line'),
          page('Storage', '/storage'),
          page('Changes', '/changelog'),
        ],
      },
      {
        text: 'Understand',
        items: [
          page('Verification', '/verification'),
          page('How callbacks are read', '/reading'),
          page('Once and in order', '/once-and-in-order'),
          page('The way of a callback', '/way-of-a-callback'),
          page('Performance', '/performance'),
          page('How it is tested', '/how-it-is-tested'),
          page('Dependencies', '/dependencies'),
          page('Security', '/security'),
          page('Contributing', '/contributing'),
        ],
      },
    ],
  },
});

function slugOf(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}
