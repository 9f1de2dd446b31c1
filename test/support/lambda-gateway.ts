import { createServer, type IncomingMessage } from 'node:http';
import type { toLambdaHandler } from '../../adapters/http/lambda.js';
import type { LambdaEvent } from '../../adapters/http/lambda-event.js';
import type { CorpusOptions } from '../../src/testing.js';

/** The services of AWS that may call a function. */
export const lambdaSources = ['rest', 'http', 'alb', 'alb-multi'] as const;
export type LambdaSource = (typeof lambdaSources)[number];

/**
 * Stands in for the servers of AWS, which turn requests into events: API Gateway's REST APIs (`rest`, format 1.0), its
 * HTTP APIs and function URLs (`http`, format 2.0), and load balancers with and without multi-value headers. The shapes
 * are those of recorded events: see test/data/lambda-events.json.
 */
export function lambdaGateway(source: LambdaSource, handler: ReturnType<typeof toLambdaHandler>) {
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // The client has closed the connection.
    }
    const event = JSON.parse(JSON.stringify(eventOf(source, request, Buffer.concat(chunks))));
    const { statusCode, headers, multiValueHeaders, body } = JSON.parse(JSON.stringify(await handler(event)));
    if (response.headersSent) return response; // The server has answered by itself, as a gateway does when its time is over.
    if (source === 'alb-multi' && multiValueHeaders === undefined) return response.writeHead(502).end();
    const length = statusCode === 204 ? {} : { 'Content-Length': Buffer.byteLength(body) };
    return response.writeHead(statusCode, { ...headers, ...multiValueHeaders, ...length }).end(body);
  });
}

function eventOf(source: LambdaSource, request: IncomingMessage, body: Buffer): LambdaEvent {
  const { method = '', url = '' } = request;
  const [path = '', query = ''] = url.split(/\?(.*)/s);
  const sourceIp = request.socket.remoteAddress ?? '';
  const headers = Object.fromEntries(
    Object.entries({ ...request.headers, 'x-forwarded-for': sourceIp }).map(([name, value]) => [name, String(value)]),
  );
  const content = { body: body.toString('base64'), isBase64Encoded: true };
  if (source === 'http') {
    const http = { method, path, protocol: 'HTTP/1.1', sourceIp, userAgent: '' };
    return { rawPath: path, rawQueryString: query, headers, requestContext: { http }, ...content };
  }
  const many = (values: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]]));
  if (source === 'rest') {
    const decoded: Record<string, string[]> = {};
    for (const [name, value] of new URLSearchParams(`?${query}`)) decoded[name] = [...(decoded[name] ?? []), value];
    return {
      httpMethod: method,
      path,
      headers,
      multiValueHeaders: many(headers),
      queryStringParameters: Object.fromEntries(Object.entries(decoded).map(([name, all]) => [name, all.at(-1)])),
      multiValueQueryStringParameters: decoded,
      requestContext: { identity: { sourceIp } },
      // Without binary media types, a REST API passes text.
      body: body.toString('utf8'),
      isBase64Encoded: false,
    };
  }
  const sent: Record<string, string[]> = {};
  for (const pair of query.split('&').filter((one) => one !== '')) {
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    sent[name] = [...(sent[name] ?? []), value];
  }
  const elb = {
    targetGroupArn: 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/shop/0123456789abcdef',
  };
  const common = { httpMethod: method, path, requestContext: { elb }, ...content };
  if (source === 'alb-multi') {
    return { ...common, multiValueHeaders: many(headers), multiValueQueryStringParameters: sent };
  }
  const last = Object.fromEntries(Object.entries(sent).map(([name, all]) => [name, all.at(-1)]));
  return { ...common, headers, queryStringParameters: last };
}

const wholeBody = { isLeftOut: true, because: 'AWS calls a function when it has read the whole body.' };
const ofLambda: NonNullable<CorpusOptions['differences']> = {
  'bodies: a body that ends early': wholeBody,
  'bodies: chunks that end early': wholeBody,
  'bodies: a body that never comes': wholeBody,
  'bodies: chunks that never end': wholeBody,
  'limits: a body announced too long': wholeBody,
  'limits: a body announced endless': wholeBody,
};

/** The cases of the corpus that have another verdict behind AWS. */
export function corpusOfLambda(source: LambdaSource): CorpusOptions {
  if (source === 'rest') {
    const because = 'A REST API decodes the query, and the adapter writes it anew.';
    const encoded = { verdict: 'proof-mismatch', reply: '400 error=proof-mismatch', because } as const;
    return { leaves: 'text', differences: { ...ofLambda, 'encoded values: in a query': encoded } };
  }
  if (source === 'alb') {
    const because = 'Without multi-value headers, a load balancer keeps the last of two fields.';
    const once = { verdict: 'proof-mismatch', reply: '400 error=proof-mismatch', because } as const;
    return { differences: { ...ofLambda, 'queries: a field twice': once } };
  }
  return { differences: ofLambda };
}
