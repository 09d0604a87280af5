/**
 * `fetch()` of a worker to the public name of a worker on this platform. As on Cloudflare it does not go round by the front door: the answer
 * is `error code: 1042`, and a service binding is the way. With the flag `global_fetch_strictly_public` it is a visit like any other, with
 * a pipeline of its own; how often visits may lead to visits is counted, since nothing else would end two workers that ask one another.
 */
import { CELL_LIMITS } from '../../../shared/limits.ts';
import { VISITOR_ERRORS, type VisitorError } from '../../../shared/visitor-errors.ts';
import type { Catalog, DeployedWorker } from '../../catalog/types.ts';
import { renderErrorPage } from '../../routing/error-page.ts';
import { withoutIdentity } from '../../routing/headers.ts';
import { pickVersion } from '../../routing/version-choice.ts';
import type { BindingCall, Dispatcher } from '../../supervisor/types.ts';
import { forwardCall } from './service.ts';

export interface PublicFetchOptions {
  readonly catalog: Pick<Catalog, 'findByHost'>;
  /** Resolved at call time: the dispatcher is built after the broker. */
  readonly dispatcher: () => Dispatcher;
  /** Ports at which visitors reach the gateway; other ports of the same host are not ours. */
  readonly isPublicPort: (port: number) => boolean;
  /** Everything else. */
  readonly egress: (call: BindingCall) => void;
}

/** It has no date: only who names it has it. */
const STRICTLY_PUBLIC = 'global_fetch_strictly_public';

/** Takes the calls to public names of workers out of those to the internet. */
export function createPublicFetch(options: PublicFetchOptions): (call: BindingCall) => void {
  return (call) => {
    const worker = call.upgrade === 'socket' ? undefined : publicWorker(options, call.url);
    const version = worker === undefined ? undefined : pickVersion(worker, Math.random());
    if (version === undefined) options.egress(call);
    else if (!call.caller.version.compatibilityFlags.includes(STRICTLY_PUBLIC)) {
      answer(call, VISITOR_ERRORS.sameZoneFetch);
    } else {
      const publicHops = call.caller.pipeline.publicHops + 1;
      if (publicHops > CELL_LIMITS.publicHops) answer(call, VISITOR_ERRORS.loop);
      else {
        forwardCall(options.dispatcher(), call, { version, headers: visitHeaders(call), publicHops });
      }
    }
  };
}

/** What Cloudflare gives as the address of a worker that visits somebody else's. */
const WORKER_ADDRESS = '2a06:98c0:3600::103';

/**
 * The worker that is visited may be another account's, and believes what stands in these headers: who visits is said here, whatever the
 * caller claims. `cf-worker` is the caller's name.
 */
function visitHeaders({ headers, url, caller }: BindingCall): string[] {
  const { host, protocol } = new URL(url);
  const scheme = protocol.slice(0, -1);
  return [
    ...withoutIdentity(headers),
    ...[
      'host',
      host,
      'cf-connecting-ip',
      WORKER_ADDRESS,
      'x-real-ip',
      WORKER_ADDRESS,
      'x-forwarded-for',
      WORKER_ADDRESS,
    ],
    ...['x-forwarded-proto', scheme, 'x-forwarded-host', host, 'cf-visitor', `{"scheme":"${scheme}"}`],
    ...['cf-worker', caller.version.workerName],
  ];
}

function publicWorker({ catalog, isPublicPort }: PublicFetchOptions, text: string): DeployedWorker | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const worker = isPublicPort(port) ? catalog.findByHost(url.hostname) : undefined;
  return worker?.workersDev === true ? worker : undefined;
}

function answer(call: BindingCall, error: VisitorError): void {
  const { contentType, body } = renderErrorPage(error, { ray: '', host: null, accept: undefined });
  call.body?.resume();
  call.respond(error.status, error.title, ['content-type', contentType]);
  call.write(Buffer.from(body));
  call.end();
}
