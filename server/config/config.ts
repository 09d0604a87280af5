/** Settings from flags, then environment, then skep.toml, checked once into a frozen object. Nothing else reads these places. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SETTING_LIST } from './settings.ts';
import type { Config, Setting, SettingKey } from './settings.ts';
import { readEnvironment, readFlags, readToml, toKind } from './sources.ts';
import type { FlagSource, Found, Source } from './sources.ts';

export type { Config, Role } from './settings.ts';

/** The configuration cannot be used. `message` is ready to be printed: one line per problem, all problems at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ConfigSources {
  /** Without node and script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `skep.toml` is looked for and relative paths count from. */
  readonly cwd: string;
}

/** What the command line asks for, before anything is checked: help and version win over everything else. */
export function commandOf(argv: readonly string[]): 'start' | 'help' | 'version' {
  if (argv.includes('--help') || argv.includes('-h')) return 'help';
  return argv.includes('--version') ? 'version' : 'start';
}

/**
 * Reads and checks all settings. Flags win over the environment, the environment over `skep.toml`
 * (in `cwd`, or the file that `--config` or `SKEP_CONFIG` names).
 * @throws ConfigError naming every problem with the value seen, where it was written and what is allowed.
 */
export function loadConfig(sources: ConfigSources): Config {
  const flags = readFlags(sources.argv);
  const environment = readEnvironment(sources.env);
  const file = readConfigFile(sources, flags);
  const problems = [...flags.problems, ...environment.problems, ...file.problems];

  const config: Partial<Record<SettingKey, unknown>> = {};
  for (const [key, setting] of SETTING_LIST) {
    const found = flags.values.get(key) ?? environment.values.get(key) ?? file.values.get(key);
    config[key] = found === undefined ? setting.default : checkValue(setting, found, problems);
  }
  if (problems.length === 0) problems.push(...contradictions(config as Config));
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));

  const fromFile = (flags.values.get('dataDir') ?? environment.values.get('dataDir')) === undefined;
  const base = fromFile && file.values.has('dataDir') ? file.directory : sources.cwd;
  config.dataDir = resolve(base, config.dataDir as string);
  for (const value of Object.values(config)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze(config) as Config;
}

function readConfigFile(sources: ConfigSources, flags: FlagSource): Source & { readonly directory: string } {
  const named = flags.configFile ?? (sources.env['SKEP_CONFIG'] || undefined);
  const shown = named ?? 'skep.toml';
  const file = resolve(sources.cwd, shown);
  const directory = dirname(file);
  try {
    return { ...readToml(readFileSync(file, 'utf8'), shown), directory };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && named === undefined) return { values: new Map(), problems: [], directory };
    const problem = `Cannot read the configuration file "${shown}": ${code ?? String(error)}. Name a file that can be read.`;
    return { values: new Map(), problems: [problem], directory };
  }
}

function checkValue(setting: Setting<unknown>, found: Found, problems: string[]): unknown {
  const result = setting.type.schema.safeParse(toKind(found, setting));
  if (result.success) return result.data;
  const seen = setting.secret ? '(not shown)' : JSON.stringify(found.raw);
  problems.push(
    `Cannot use the setting ${setting.name}: ${found.where} is ${seen}. Allowed: ${setting.type.allowed}. ` +
      'Correct it, or leave it out to use the default.',
  );
  return setting.default;
}

/** Values that are fine alone but not together. */
function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.gatewayPort !== 0 && config.gatewayPort === config.apiPort && config.roles.length > 1) {
    problems.push(
      `Cannot use the same port ${config.gatewayPort} for gateway-port and api-port in one process. Give them different ports.`,
    );
  }
  const defaults = [
    ['limit-cpu-ms', config.limitCpuMs, 'limit-cpu-max-ms', config.limitCpuMaxMs],
    ['limit-subrequests', config.limitSubrequests, 'limit-subrequests-max', config.limitSubrequestsMax],
  ] as const;
  for (const [name, value, maxName, max] of defaults) {
    if (value <= max) continue;
    problems.push(
      `Cannot use ${value} for ${name} when ${maxName} is ${max}: the default of a limit may not be above its maximum. ` +
        `Lower ${name} or raise ${maxName}.`,
    );
  }
  if (config.prestartedCells > config.limitCells) {
    problems.push(
      `Cannot keep ${config.prestartedCells} cells ready (prestarted-cells) when only ${config.limitCells} may run ` +
        '(limit-cells). Lower prestarted-cells or raise limit-cells.',
    );
  }
  return problems;
}
