/** Says that the server is ready: to the person who started it, and to machines that read its log. */
import { renderBanner } from '../banner.ts';
import type { Account } from '../storage/store.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { Running } from './running.ts';

export function announce(
  { config, log, program }: Running,
  facts: {
    startedAt: number;
    account: Account;
    newToken: string | null;
    gatewayPort: number | null;
    apiPort: number | null;
    supervisor: Supervisor;
  },
): void {
  const { account, newToken } = facts;
  const urlOf = (port: number | null) => (port === null ? null : `http://${shownHost(config.host)}:${port}`);
  const startMs = performance.now() - facts.startedAt;
  const text = renderBanner({
    version: program.version,
    startMs,
    gatewayUrl: urlOf(facts.gatewayPort),
    workerUrl: `http://<worker>.${account.subdomain}.${config.baseDomain}:${facts.gatewayPort}/`,
    apiUrl: urlOf(facts.apiPort),
    accountId: account.id,
    newToken,
    tokenGiven: config.adminToken !== null,
    sandboxLines: sandboxLines(facts.supervisor),
  });
  if (process.stdout.isTTY) process.stdout.write(text);
  else {
    // Standard output is JSON lines for machines then; the person who starts it by hand reads the other one.
    process.stderr.write(text);
    log.info('Ready', {
      version: program.version,
      startMs: Math.round(startMs),
      gateway: urlOf(facts.gatewayPort),
      api: urlOf(facts.apiPort),
      accountId: account.id,
      sandbox: facts.supervisor.sandbox.layers.filter(({ active }) => active).map(({ name }) => name),
    });
  }
}

/** A host as it stands in a URL. */
export const shownHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function sandboxLines({ sandbox }: Supervisor): string[] {
  const missing = sandbox.layers.filter(({ active }) => !active);
  const has = sandbox.layers.filter(({ active }) => active).map(({ name }) => name);
  const lines = [`Sandbox  ${sandbox.strong ? 'strong' : 'NOT STRONG on this machine'}: ${has.join(', ')}`];
  for (const { name, detail } of missing) lines.push(`         without ${name}: ${detail}`);
  return lines;
}
