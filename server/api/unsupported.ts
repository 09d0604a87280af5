/** Paths of Cloudflare's API that belong to products Skep does not have yet: answered with a sentence that names the product. */

const ACCOUNT = '^/accounts/[^/]+';

const FEATURES: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`${ACCOUNT}/r2/buckets/[^/]+/`), 'This setting of R2 buckets'],
  [new RegExp(`${ACCOUNT}/r2-catalog(/|$)`), 'R2 Data Catalog'],
  [new RegExp(`${ACCOUNT}/queues(/|$)`), 'Queues'],
  [new RegExp(`${ACCOUNT}/workflows(/|$)`), 'Workflows'],
  [new RegExp(`${ACCOUNT}/vectorize(/|$)`), 'Vectorize'],
  [new RegExp(`${ACCOUNT}/(ai|ai-search|autorag)(/|$)`), 'Workers AI'],
  [new RegExp(`${ACCOUNT}/pages(/|$)`), 'Pages'],
  [new RegExp(`${ACCOUNT}/pipelines(/|$)`), 'Pipelines'],
  [new RegExp(`${ACCOUNT}/secrets_store(/|$)`), 'Secrets Store'],
  [new RegExp(`${ACCOUNT}/mtls_certificates(/|$)`), 'mTLS certificates'],
  [new RegExp(`${ACCOUNT}/(containers|cloudchamber)(/|$)`), 'Containers'],
  [new RegExp(`${ACCOUNT}/workers/dispatch(/|$)`), 'Workers for Platforms'],
  [new RegExp(`${ACCOUNT}/workers/scripts/[^/]+/tails(/|$)`), 'Live logs (`wrangler tail`)'],
  [new RegExp(`${ACCOUNT}/workers/scripts/[^/]+/assets-upload-session$`), 'Static assets'],
  [new RegExp(`${ACCOUNT}/workers/assets(/|$)`), 'Static assets'],
  [new RegExp(`${ACCOUNT}/workers/scripts/[^/]+/domains(/|$)`), 'Custom domains'],
  [new RegExp(`${ACCOUNT}/workers/domains(/|$)`), 'Custom domains'],
  [
    new RegExp(`${ACCOUNT}/workers/(scripts/[^/]+/|subdomain/)(subdomain/)?edge-preview$`),
    'Remote development (`wrangler dev --remote`)',
  ],
  [/^\/zones(\/|$)/, 'Zones, routes and custom domains'],
  [/^\/graphql(\/|$)/, 'The analytics API (GraphQL)'],
];

/** The product that a path (below `/client/v4`, without query) belongs to, if Skep knows and does not have it. */
export function unsupportedFeature(path: string): string | undefined {
  return FEATURES.find(([pattern]) => pattern.test(path))?.[1];
}
