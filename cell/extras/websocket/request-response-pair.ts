/** What a Durable Object lets the platform answer in its place: when exactly `request` comes in, `response` goes out. */
import { defineTag } from '../../constructors.ts';
import { defineProperty } from '../../primordials.ts';
import { constructorParameterError } from '../../webidl.ts';

const NAME = 'WebSocketRequestResponsePair';

export class WebSocketRequestResponsePair {
  readonly #request: string;
  readonly #response: string;

  constructor(...args: unknown[]) {
    if (args.length < 1) throw constructorParameterError(NAME, 1, 'string');
    if (args.length < 2) throw constructorParameterError(NAME, 2, 'string');
    this.#request = `${args[0] as string}`;
    this.#response = `${args[1] as string}`;
  }

  get request(): string {
    return this.#request;
  }

  get response(): string {
    return this.#response;
  }
}

for (const key of ['request', 'response']) {
  defineProperty(WebSocketRequestResponsePair.prototype, key, { enumerable: true });
}
defineTag(WebSocketRequestResponsePair);
