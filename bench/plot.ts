/** One bar with its spread. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly isOurs: boolean;
}

const width = 760;
const labelWidth = 220;
const barHeight = 20;
const step = 30;

/** A chart of horizontal bars with their spread, as a self-contained SVG. */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const longest = Math.max(...bars.map(({ high }) => high));
  const scale = (value: number) => (value / longest) * (width - labelWidth - 110);
  const height = 50 + bars.length * step;
  const rows = bars.map(({ label, value, low, high, isOurs }, index) => {
    const top = 40 + index * step;
    const middle = top + barHeight / 2;
    const x = (at: number) => (labelWidth + scale(at)).toFixed(1);
    return `<text x="${labelWidth - 8}" y="${middle + 4}" text-anchor="end">${escapeXml(label)}</text>
<rect x="${labelWidth}" y="${top}" width="${scale(value).toFixed(1)}" height="${barHeight}" fill="${isOurs ? '#1f7a5a' : '#9aa5b1'}"/>
<line x1="${x(low)}" y1="${middle}" x2="${x(high)}" y2="${middle}" stroke="#1b1f24" stroke-width="2"/>
<text x="${(labelWidth + scale(Math.max(high, value)) + 8).toFixed(1)}" y="${middle + 4}">${format(value)} ${escapeXml(unit)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" role="img" aria-label="${escapeXml(title)}">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="12" y="22" font-weight="bold" font-size="15">${escapeXml(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 0);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
