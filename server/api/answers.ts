/**
 * Answers that are not what was asked for, in Cloudflare's envelope. Nothing a client sends can make one show a stack: what is unexpected is
 * logged under the request id that the client sees.
 */
import { type CloudflareProblem, cloudflareProblem } from '../../shared/cloudflare-errors.ts';
import { isUnavailable } from '../storage/errors.ts';
import { AccountFull } from '../storage/store.ts';
import { R2Error } from '../storage/objects/types.ts';
import { type ApiContext, pathForLog, PREFIX } from './context.ts';
import { ApiError, fail, ofObjectStore, unavailable } from './errors.ts';
import type { Route } from './router.ts';
import { unsupportedFeature } from './unsupported.ts';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';

const OUTSIDE = `The API is below ${PREFIX}: CLOUDFLARE_API_BASE_URL has to end with that.`;

/** Why no route answers, in the envelope: an unknown path, one of a product that is not there, or another method. */
export function notFound(context: ApiContext, routes: readonly Route[]): Response {
  return envelope(context, [notFoundProblem(context.req.method, context.req.path, routes)]);
}

function notFoundProblem(method: string, path: string, routes: readonly Route[]): CloudflareProblem {
  const shown = { path: path.slice(0, 300) };
  if (!path.startsWith(`${PREFIX}/`)) return { ...cloudflareProblem('noRoute', shown), remedy: OUTSIDE };
  const below = path.slice(PREFIX.length);
  if (below.endsWith('/')) return cloudflareProblem('pathEndsWithSlash', shown);
  const unsupported = unsupportedFeature(below);
  if (unsupported !== undefined) return unsupported;
  const methods = routes.filter((route) => matches(route.path, below)).map((route) => route.method);
  const problem = cloudflareProblem('noRoute', shown);
  if (methods.length === 0) return problem;
  return { ...problem, remedy: `This path answers ${methods.join(' and ')}, not ${method.slice(0, 20)}.` };
}

/** Whether the pattern of a route stands for the path, whatever the method. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const isLong = pattern.endsWith('{.+}') && given.length > wanted.length;
  return (
    (isLong || wanted.length === given.length) &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  );
}

/** The answer to a request whose handling threw. What is no ApiError is a fault of ours: it is logged, and the client gets only the request id. */
export function errorAnswer(error: unknown, context: ApiContext): Response {
  const log = context.get('log');
  if (error instanceof ApiError) {
    if (error.retryAfterS !== undefined) {
      context.header('retry-after', String(error.retryAfterS));
      log.warn('The API could not serve a request now', { path: pathForLog(context), error });
    }
    return envelope(context, error.problems);
  }
  if (error instanceof R2Error) return errorAnswer(ofObjectStore(error), context);
  if (error instanceof AccountFull) return errorAnswer(fail('accountFull', { reason: error.message }), context);
  if (isUnavailable(error))
    return errorAnswer(unavailable('the database of this platform cannot be reached', 2, error), context);
  log.error('An API request failed unexpectedly', {
    method: context.req.method,
    path: pathForLog(context),
    error,
  });
  return envelope(context, [cloudflareProblem('internal', { requestId: context.get('requestId') })]);
}

function envelope(context: ApiContext, problems: readonly CloudflareProblem[]): Response {
  const shown = problems.slice(0, UPLOAD_LIMITS.maxProblems);
  // The most serious decides: a 5xx among 4xx means that trying again may help.
  const status = Math.max(...shown.map((problem) => problem.status));
  // The rest of a body that came too slowly is not waited for.
  if (status === 408) context.header('connection', 'close');
  const remedies = [...new Set(shown.map((problem) => problem.remedy))];
  const body = {
    success: false,
    errors: shown.map(({ code, message }) => ({ code, message })),
    messages: remedies.map((message) => ({ message })),
    result: null,
  };
  return context.json(body, status as 400);
}
