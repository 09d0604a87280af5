/** What the program that started the harness (`cell/boot.ts`) hands it. */
import type { DenoFile } from './deno.ts';

/** Where each part lies in the file of extras, from `base` on. */
export type ExtrasIndex = Readonly<Record<string, readonly [offset: number, length: number]>>;

export interface Boot {
  readonly extras: { readonly file: DenoFile; readonly index: ExtrasIndex; readonly base: number };
  importModule(url: string): Promise<Record<string, unknown>>;
  /** The build makes the code cache: everything is set up, nothing is connected. */
  readonly onlyInstall: boolean;
}

declare const skepBoot: Boot;

export const boot: Boot = skepBoot;
