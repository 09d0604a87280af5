/** Paths of Cloudflare's API that belong to products Skep does not have yet: answered with a sentence that names the product. */
import { type CloudflareProblem, cloudflareProblem } from '../../shared/cloudflare-errors.ts';

const ACCOUNT = '^/accounts/[^/]+';
const BUCKET = `${ACCOUNT}/r2/buckets/[^/]+`;
const SCRIPT = `${ACCOUNT}/workers/scripts/[^/]+`;

/** Path, what people call the product, and what does the same here, if anything does. The first that fits is taken. */
const FEATURES: readonly (readonly [pattern: RegExp, feature: string, instead?: string])[] = [
  [
    new RegExp(`${BUCKET}/lifecycle$`),
    'Lifecycle rules of R2 buckets',
    'Delete what is old from a Worker or over S3; unfinished multipart uploads go by themselves after seven days.',
  ],
  [
    new RegExp(`${BUCKET}/domains/`),
    'Public R2 buckets and their domains',
    'Let a Worker that is bound to the bucket answer, or give out presigned URLs.',
  ],
  [new RegExp(`${BUCKET}/lock$`), 'Lock rules of R2 buckets'],
  [new RegExp(`${BUCKET}/sippy$`), 'Sippy (migration of R2 buckets)', 'Copy the objects with any S3 client.'],
  [
    new RegExp(`${BUCKET}/local-uploads$`),
    'Local uploads of R2 buckets',
    'There is nothing to switch: uploads go to the store behind the bucket at once.',
  ],
  [new RegExp(`${BUCKET}/`), 'This setting of R2 buckets'],
  [new RegExp(`${ACCOUNT}/event_notifications(/|$)`), 'Event notifications of R2 buckets'],
  [new RegExp(`${ACCOUNT}/r2-catalog(/|$)`), 'R2 Data Catalog'],
  [
    new RegExp(`${ACCOUNT}/d1/database/[^/]+/time_travel(/|$)`),
    'Time Travel of databases',
    'Keep exports (`wrangler d1 export`); the operator of this platform can keep copies of everything with `skep backup`.',
  ],
  [new RegExp(`${ACCOUNT}/queues(/|$)`), 'Queues'],
  [new RegExp(`${ACCOUNT}/workflows(/|$)`), 'Workflows'],
  [new RegExp(`${ACCOUNT}/vectorize(/|$)`), 'Vectorize'],
  [new RegExp(`${ACCOUNT}/(ai|ai-search|autorag)(/|$)`), 'Workers AI'],
  [new RegExp(`${ACCOUNT}/browser-rendering(/|$)`), 'Browser Rendering'],
  [new RegExp(`${ACCOUNT}/pages(/|$)`), 'Pages', 'Deploy it as a Worker.'],
  [new RegExp(`${ACCOUNT}/pipelines(/|$)`), 'Pipelines'],
  [
    new RegExp(`${ACCOUNT}/secrets_store(/|$)`),
    'Secrets Store',
    'Give each Worker a secret of its own: `wrangler secret put`.',
  ],
  [new RegExp(`${ACCOUNT}/(mtls_certificates|certificates)(/|$)`), 'mTLS certificates'],
  [new RegExp(`${ACCOUNT}/(containers|cloudchamber)(/|$)`), 'Containers'],
  [new RegExp(`${ACCOUNT}/workers/dispatch(/|$)`), 'Workers for Platforms'],
  [new RegExp(`${ACCOUNT}/connectivity(/|$)`), 'Workers VPC'],
  [new RegExp(`${ACCOUNT}/(cfd_tunnel|tunnels)(/|$)`), 'Tunnels'],
  [new RegExp(`${ACCOUNT}/email(/|$)`), 'Email'],
  [new RegExp(`${ACCOUNT}/flagship(/|$)`), 'Flagship'],
  [new RegExp(`${ACCOUNT}/artifacts(/|$)`), 'Artifacts'],
  [new RegExp(`${ACCOUNT}/agent-memory(/|$)`), 'Agent Memory'],
  [new RegExp(`${ACCOUNT}/k2(/|$)`), 'K2'],
  [new RegExp(`${ACCOUNT}/challenges(/|$)`), 'Turnstile'],
  [new RegExp(`${ACCOUNT}/hyperdrive/integrationsOperations(/|$)`), 'Databases that are bought through Hyperdrive'],
  [
    new RegExp(`${SCRIPT}/tails(/|$)`),
    'Live logs (`wrangler tail`)',
    'What a Worker logs stands in the log of the server, which the operator of this platform can read.',
  ],
  [new RegExp(`${SCRIPT}/assets-upload-session$`), 'Static assets'],
  [new RegExp(`${ACCOUNT}/workers/assets(/|$)`), 'Static assets'],
  [new RegExp(`${SCRIPT}/domains(/|$)`), 'Custom domains'],
  [new RegExp(`${ACCOUNT}/workers/domains(/|$)`), 'Custom domains'],
  [
    new RegExp(`${ACCOUNT}/workers/(scripts/[^/]+/|subdomain/)(subdomain/)?edge-preview$`),
    'Remote development (`wrangler dev --remote`)',
    'Leave `--remote` out, or deploy: it takes a second.',
  ],
  [/^\/zones(\/|$)/, 'Zones, routes and custom domains'],
  [/^\/graphql$/, 'The analytics API (GraphQL), and with it `wrangler d1 insights`'],
];

/** What to say of a path (below `/client/v4`, without query) of a product that Skep knows and does not have; undefined for others. */
export function unsupportedFeature(path: string): CloudflareProblem | undefined {
  const found = FEATURES.find(([pattern]) => pattern.test(path));
  if (found === undefined) return undefined;
  const [, feature, instead] = found;
  const problem = cloudflareProblem('unsupportedFeature', { feature });
  return instead === undefined ? problem : { ...problem, remedy: instead };
}
