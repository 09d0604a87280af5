/**
 * `env.HYPERDRIVE` (https://developers.cloudflare.com/hyperdrive/): what a PostgreSQL driver needs to connect. The host exists in this cell
 * only; name and password are made up here and mean nothing anywhere else: who may connect follows from the deployed version.
 */
import { dressClass } from '../../jsg.ts';
import { NativeUint8Array, randomFill, uncurry } from '../../primordials.ts';
import { addBindingHost, connectThrough } from '../../sockets.ts';
import { illegalConstructor } from '../../webidl.ts';

const CREATE = {};
const PORT = 5432;
const toHex = uncurry((Uint8Array.prototype as unknown as { toHex(): string }).toHex) as unknown as (
  bytes: Uint8Array,
) => string;

const randomName = (): string => toHex(randomFill(new NativeUint8Array(16)));

export class Hyperdrive {
  readonly #binding: string;
  readonly #host: string;
  readonly #user: string;
  readonly #password: string;
  readonly #database: string;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#binding = args[1] as string;
    this.#host = `${randomName()}.hyperdrive.local`;
    this.#user = randomName();
    this.#password = randomName();
    this.#database = randomName();
    addBindingHost(this.#host, this.#binding);
  }

  static create(binding: string): Hyperdrive {
    return new Hyperdrive(CREATE, binding);
  }

  get connectionString(): string {
    return `postgresql://${this.#user}:${this.#password}@${this.#host}:${PORT}/${this.#database}?sslmode=disable`;
  }

  get host(): string {
    return this.#host;
  }

  get port(): number {
    return PORT;
  }

  get user(): string {
    return this.#user;
  }

  get password(): string {
    return this.#password;
  }

  get database(): string {
    return this.#database;
  }

  connect(): object {
    return connectThrough(this.#binding, `${this.#host}:${PORT}`, undefined);
  }
}
dressClass(Hyperdrive, 'Hyperdrive');
