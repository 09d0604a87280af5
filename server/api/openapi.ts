/** The OpenAPI 3.1 document, made from the table of routes: it cannot list a path that is not there. */
import { z } from 'zod';
import { CLOUDFLARE_ERRORS } from '../../shared/cloudflare-errors.ts';
import type { Route } from './router.ts';

const PROBLEM = {
  type: 'object',
  required: ['code', 'message'],
  properties: { code: { type: 'integer' }, message: { type: 'string' } },
};

const ENVELOPE = {
  type: 'object',
  required: ['success', 'errors', 'messages', 'result'],
  properties: {
    success: { type: 'boolean' },
    errors: { type: 'array', items: { $ref: '#/components/schemas/Problem' } },
    messages: { type: 'array', items: { type: 'object', properties: { message: { type: 'string' } } } },
    result: { description: 'What the operation gives back; null for an error' },
    result_info: { type: 'object', description: 'Page information of lists' },
  },
};

const BYTES = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };

/** The document for these routes, as a plain object. `version` is the program's. */
export function openApiDocument(routes: readonly Route[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)(?:\{\.\+\})?/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Skep control API',
      version,
      description: `The part of Cloudflare's API that wrangler needs, and Skep's own. ${errorTable()}`,
    },
    servers: [{ url: '/client/v4' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM, Envelope: ENVELOPE },
    },
  };
}

function operation(route: Route): Record<string, unknown> {
  const schema = { type: 'string' };
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema }));
  const inQuery = Object.entries(route.query ?? {}).map(([name, description]) => ({
    name,
    in: 'query',
    description,
    schema,
  }));
  const parameters = [...inPath, ...inQuery];
  const answer = { content: { 'application/json': { schema: { $ref: '#/components/schemas/Envelope' } } } };
  const success = route.answers === 'bytes' ? { content: BYTES } : answer;
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: requestContent(route.body) } }),
    responses: {
      '200': { description: 'Done', ...success },
      default: { description: 'An error of the table above', ...answer },
    },
  };
}

function requestContent(body: NonNullable<Route['body']>): Record<string, unknown> {
  if (body === 'bytes') return BYTES;
  if (body === 'multipart') {
    const schema = { type: 'object', required: ['metadata'], properties: { metadata: { type: 'string' } } };
    return { 'multipart/form-data': { schema } };
  }
  return { 'application/json': { schema: z.toJSONSchema(body, { unrepresentable: 'any', io: 'input' }) } };
}

/** `GET /accounts/:account/workers/scripts/:name` → `getAccountsByAccountWorkersScriptsByName`; unique as paths are. */
function operationId(route: Route): string {
  const words = route.path.split(/[/_-]/).filter((word) => word !== '');
  const title = words.map((word) => {
    const bare = word.startsWith(':') ? word.slice(1) : word;
    const titled = bare.charAt(0).toUpperCase() + bare.slice(1);
    return word.startsWith(':') ? `By${titled}` : titled;
  });
  return route.method.toLowerCase() + title.join('');
}

function errorTable(): string {
  const rows = Object.values(CLOUDFLARE_ERRORS).map(
    ({ code, status, message }) => `${code} (HTTP ${status}): ${message}`,
  );
  return `Errors: ${rows.join(' · ')}`;
}
