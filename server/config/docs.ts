/** `--help` and the table of docs/configuration.md, both from the schema. */
import { SETTING_LIST, defaultTextOf, flagOf, tomlKeyOf } from './settings.ts';

/** The text of `skep --help`. */
export function helpText(): string {
  const lines = SETTING_LIST.map(([, setting]) => {
    const value = setting.type.kind === 'boolean' ? '' : ` ${setting.type.kind === 'number' ? 'N' : 'VALUE'}`;
    const doc = `${setting.doc.replaceAll('`', '')} Default: ${defaultTextOf(setting).replaceAll('`', '')}.`;
    return `  ${flagOf(setting)}${value}\n      ${doc} [${setting.env}]`;
  });
  return [
    'Usage: skep [flags]',
    '       skep doctor | skep backup FILE | skep restore FILE   (each says more: skep doctor --help)',
    '',
    'Starts Skep on this machine: gateway, control API and cells. Each flag can also be set by the environment',
    'variable in brackets, or in skep.toml (the same name with underscores). Flags win over variables, variables over the file.',
    '',
    ...lines,
    '  --config FILE',
    '      Read FILE in place of ./skep.toml. [SKEP_CONFIG]',
    '  --help, --version',
    '      Print this, or the version, and exit.',
    '',
  ].join('\n');
}

/** The settings as a Markdown table. */
export function settingsTable(): string {
  const rows = SETTING_LIST.map(([, setting]) => {
    const cells = [
      `\`${setting.env}\``,
      `\`${flagOf(setting)}\``,
      `\`${tomlKeyOf(setting)}\``,
      defaultTextOf(setting),
      setting.type.allowed,
      setting.doc,
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    '| environment | flag | skep.toml | default | allowed | meaning |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
