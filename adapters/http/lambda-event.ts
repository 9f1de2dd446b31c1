/** Headers and queries of an event. Names of headers may be in any letter case. */
type Values = Readonly<Record<string, string | undefined>> | null | undefined;
type ManyValues = Readonly<Record<string, readonly string[] | undefined>> | null | undefined;

/**
 * The part of an HTTP event that is used: of API Gateway (payload format 1.0 and 2.0), a function URL (2.0) or an
 * Application Load Balancer.
 */
export interface LambdaEvent {
  readonly requestContext?: {
    /** In format 2.0. */
    readonly http?: { readonly method: string; readonly sourceIp?: string };
    /** In format 1.0. */
    readonly identity?: { readonly sourceIp?: string };
    /** In an event of a load balancer. */
    readonly elb?: unknown;
  };
  readonly httpMethod?: string;
  readonly path?: string;
  readonly rawPath?: string;
  readonly rawQueryString?: string;
  readonly headers?: Values;
  readonly multiValueHeaders?: ManyValues;
  readonly queryStringParameters?: Values;
  readonly multiValueQueryStringParameters?: ManyValues;
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
}

/** The path and the query. */
export function targetOf(event: LambdaEvent): string {
  const { rawPath, path, rawQueryString } = event;
  const query = rawQueryString ?? queryOf(event);
  return `${rawPath ?? path ?? '/'}${query === '' ? '' : `?${query}`}`;
}

/** API Gateway decodes names and values in format 1.0. A load balancer leaves them as they were sent. */
function queryOf({ requestContext, queryStringParameters, multiValueQueryStringParameters }: LambdaEvent): string {
  const encode = requestContext?.elb === undefined ? encodeAsForm : String;
  return Object.entries(multiValueQueryStringParameters ?? queryStringParameters ?? {})
    .flatMap(([name, values]) => [values ?? []].flat().map((value) => `${encode(name)}=${encode(value)}`))
    .join('&');
}

/**
 * The host has replaced bytes that are not UTF-8 by U+FFFD. Each U+FFFD becomes a byte that is invalid in UTF-8, so
 * that the value is refused as in the other adapters.
 */
function encodeAsForm(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+').replaceAll('%EF%BF%BD', '%FF');
}

/** A header by its lower-case name. */
export function headerOf({ multiValueHeaders, headers }: LambdaEvent, lowerName: string): string | undefined {
  const found = Object.entries(multiValueHeaders ?? headers ?? {}).find(([name]) => name.toLowerCase() === lowerName);
  return [found?.[1] ?? []].flat().join(', ') || undefined;
}

/** The address of the client, as the host saw it. A load balancer appends it to `X-Forwarded-For`. */
export function addressOf(event: LambdaEvent): string | undefined {
  const { http, identity, elb } = event.requestContext ?? {};
  if (elb !== undefined) return headerOf(event, 'x-forwarded-for')?.split(',').at(-1)?.trim();
  return http?.sourceIp ?? identity?.sourceIp;
}
