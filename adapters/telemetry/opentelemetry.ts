import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import {
  type Attributes,
  type Context,
  context,
  type Meter,
  type MetricOptions,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace as traces,
} from '@opentelemetry/api';
import type { TraceChannels } from '../../src/index.js';
import { assertMethods, assertNames } from '../assert-given.js';

/** The tracer and the meter that {@link instrument} uses. */
export interface InstrumentOptions {
  /** Begins spans. Default: no spans. */
  readonly tracer?: Tracer | undefined;
  /** Makes the metrics. Default: no metrics. */
  readonly meter?: Meter | undefined;
}

/** How the traces of one channel become spans and metrics. */
interface Operation<Trace> {
  /** Attributes of the metrics and of the span. Each attribute has only a few different values. */
  labels(trace: Trace): Attributes;
  /** Attributes of the span only. */
  details(trace: Trace): Attributes;
  /** Whether the span has the status of an error. Default: it has if the trace has an error. */
  isFailed?(trace: Trace): boolean;
}

type Traced<Name extends keyof TraceChannels> = TraceChannels[Name];

const operations: { readonly [Name in keyof TraceChannels]: Operation<Traced<Name>> } = {
  'dragonpay-callback:dispatch': {
    labels: ({ verdict, kind, outcome, code }) => ({
      'dragonpay.verdict': verdict,
      'dragonpay.kind': kind,
      'dragonpay.outcome': outcome,
      'error.type': code,
    }),
    details: ({ id, refno, status, method, replyStatus }) => ({
      'dragonpay.id': id,
      'dragonpay.refno': refno,
      'dragonpay.status': status,
      'http.request.method': method,
      'http.response.status_code': replyStatus,
    }),
    // A refused forgery is not an error of this server.
    isFailed: ({ replyStatus = 500 }) => replyStatus >= 500,
  },
  'dragonpay-callback:store': {
    labels: ({ kind, origin, outcome, error }) => ({
      'dragonpay.kind': kind,
      'dragonpay.origin': origin,
      'dragonpay.outcome': outcome,
      'error.type': typeOf(error),
    }),
    details: ({ id, refno, status }) => ({ 'dragonpay.id': id, 'dragonpay.refno': refno, 'dragonpay.status': status }),
  },
  'dragonpay-callback:effect': {
    labels: ({ kind, status, handler, error }) => ({
      'dragonpay.kind': kind,
      'dragonpay.status': status,
      'code.function.name': handler,
      'error.type': typeOf(error),
    }),
    details: ({ id }) => ({ 'dragonpay.id': id }),
  },
  'dragonpay-callback:inquiry': {
    labels: ({ known, error }) => ({ 'dragonpay.known': known, 'error.type': typeOf(error) }),
    details: ({ txnid }) => ({ 'dragonpay.id': txnid }),
  },
  'dragonpay-callback:job': {
    labels: ({ queue, kind, status, handler, error }) => ({
      'dragonpay.queue': queue,
      'dragonpay.kind': kind,
      'dragonpay.status': status,
      'code.function.name': handler,
      'error.type': typeOf(error),
    }),
    details: ({ id }) => ({ 'dragonpay.id': id }),
  },
};

/** In seconds, as the semantic conventions advise for durations of requests. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Makes spans and metrics of all callbacks that this process handles from now on, in all receivers. The span of the
 * HTTP server is the parent of the span of a request. The spans of `store` and `effect` are the parents of the spans of
 * database clients.
 * @throws DragonpayError `invalid-setting`
 * @returns a function that stops it and ends all open spans
 *
 * @example
 * instrument({ tracer: trace.getTracer('dragonpay-callback'), meter: metrics.getMeter('dragonpay-callback') });
 */
export function instrument(options: InstrumentOptions): () => void {
  assertNames(options, 'tracer', 'meter');
  const { tracer, meter } = options;
  if (tracer !== undefined) assertMethods(tracer, ['startSpan'], 'tracer', 'must be a Tracer');
  if (meter !== undefined) assertMethods(meter, ['createCounter', 'createHistogram'], 'meter', 'must be a Meter');
  const callbacks = meter?.createCounter('dragonpay.callbacks', {
    description: 'Requests with a callback, by verdict and by outcome for the row.',
    unit: '{callback}',
  });
  const stops = [
    watch('dragonpay-callback:dispatch', { tracer, meter }, ({ verdict }, labels) => {
      if (verdict !== undefined) callbacks?.add(1, labels);
    }),
    watch('dragonpay-callback:store', { tracer, meter }),
    watch('dragonpay-callback:effect', { tracer, meter }),
    watch('dragonpay-callback:inquiry', { tracer, meter }),
    watch('dragonpay-callback:job', { tracer, meter }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

interface Running {
  startedAt: number;
  readonly span: Span | undefined;
}

/** Makes spans and metrics of one channel. Returns a function that stops it. */
function watch<Name extends keyof TraceChannels>(
  name: Name,
  { tracer, meter }: InstrumentOptions,
  onEnd: (trace: Traced<Name>, labels: Attributes) => void = () => {},
): () => void {
  const channel = tracingChannel<unknown, Traced<Name>>(name);
  const { labels, details, isFailed = ({ error }) => error !== undefined }: Operation<Traced<Name>> = operations[name];
  const metric = name.replace('dragonpay-callback:', 'dragonpay.');
  const durationOptions: MetricOptions = { unit: 's', advice: { explicitBucketBoundaries: boundaries } };
  const duration = meter?.createHistogram(`${metric}.duration`, durationOptions);
  const active = meter?.createUpDownCounter(`${metric}.active`, { unit: '{operation}' });
  const running = new Map<object, Running>();

  const begin = (trace: object, span: Span | undefined) => {
    running.set(trace, { startedAt: performance.now(), span });
    active?.add(1);
  };
  const end = (trace: object): Running | undefined => {
    const ended = running.get(trace);
    if (!running.delete(trace)) return undefined;
    active?.add(-1);
    return ended;
  };

  const bound = new ActiveContext();
  if (tracer !== undefined) {
    channel.start.bindStore(bound, (trace) => {
      const around = context.active();
      return safely(() => {
        const span = tracer.startSpan(metric, {}, around);
        begin(trace, span);
        return traces.setSpan(around, span);
      }, around);
    });
  }
  const subscribers = {
    start: (trace: object) => {
      if (!running.has(trace)) safely(() => begin(trace, undefined));
    },
    end: () => {},
    asyncStart: () => {},
    asyncEnd: (message: object) =>
      safely(() => {
        const ended = end(message);
        if (ended === undefined) return;
        const trace = message as Traced<Name>;
        const label = defined(labels(trace));
        duration?.record((performance.now() - ended.startedAt) / 1000, label);
        onEnd(trace, label);
        endSpan(ended.span, { ...label, ...defined(details(trace)) }, isFailed(trace), trace.error);
      }),
    error: () => {},
  };
  channel.subscribe(subscribers);
  return () => {
    channel.unsubscribe(subscribers);
    channel.start.unbindStore(bound);
    for (const trace of [...running.keys()]) end(trace)?.span?.end();
  };
}

function endSpan(span: Span | undefined, attributes: Attributes, isFailed: boolean, error: unknown): void {
  span?.setAttributes(attributes);
  const cause = causeOf(error);
  if (cause !== undefined) safely(() => span?.recordException(cause instanceof Error ? cause : String(cause)));
  if (isFailed) span?.setStatus({ code: SpanStatusCode.ERROR });
  span?.end();
}

/**
 * A storage for a channel to bind: the work of a trace runs with its span active. It passes the context to the context
 * manager of OpenTelemetry, because the storage of that manager has no public name.
 */
class ActiveContext extends AsyncLocalStorage<Context> {
  override run<Result, Values extends unknown[]>(
    active: Context,
    work: (...values: Values) => Result,
    ...values: Values
  ): Result {
    return context.with(active, work as (...values: unknown[]) => Result, undefined, ...values);
  }
}

/** The error of a handler method. The package wraps it in an error with the name of the method. */
function causeOf(error: unknown): unknown {
  return safely(() => (error instanceof Error && error.name === 'HandlerError' ? error.cause : error), error);
}

/** The type of an error, with few different values: the code of an error of this package, or the name of its class. */
function typeOf(error: unknown): string | undefined {
  const cause = causeOf(error);
  if (cause === undefined) return undefined;
  return safely(() => {
    if (!(cause instanceof Error)) return '_OTHER';
    const { name, code } = cause as Error & { readonly code?: unknown };
    return name === 'DragonpayError' ? String(code) : name;
  }, '_OTHER');
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** An error in a subscriber of a channel would end the process. Reading a property of a thrown value may throw. */
function safely(run: () => void): void;
function safely<Result>(run: () => Result, otherwise: Result): Result;
function safely(run: () => unknown, otherwise?: unknown): unknown {
  try {
    return run();
  } catch {
    return otherwise;
  }
}
