import { hasCode } from '../platform/error.ts';
import type { AdminClient } from '../rpc/client/admin-client.ts';
import { configFilePath, readConfigFile } from './config-file.ts';
import type { ConnectionConfig } from './config-file.ts';
import { connectionKeys, environmentName } from './connection-options.ts';
import type { ConnectionKey, ConnectionValues } from './connection-options.ts';
import { readInput } from './read-input.ts';
import { flagOf } from './spec.ts';
import { WrongUse } from './wrong-use.ts';
import type { World } from './world.ts';

/** A value and who gave it, for the sentence that says what is wrong with it. */
interface Setting {
  readonly value: string;
  readonly source: string;
}

/** Larger than any chain of authorities. */
const maxPemBytes = 1_048_576;

type Settings = Readonly<Partial<Record<ConnectionKey, Setting>>>;

/** Flag before environment before file. Throws WrongUse that names every missing one at once. */
export async function connectionSettings(values: ConnectionValues, world: World): Promise<Settings> {
  const fromEnvironment = (key: ConnectionKey) => world.env[environmentName(key)] ?? '';
  const isFileNeeded = connectionKeys.some((key) => values[key] === undefined && fromEnvironment(key) === '');
  const path = configFilePath(world);
  const file: ConnectionConfig = isFileNeeded ? await readConfigFile(path) : {};
  const settings: Partial<Record<ConnectionKey, Setting>> = {};
  for (const key of connectionKeys) {
    const flag = values[key];
    const variable = fromEnvironment(key);
    const inFile = file[key];
    if (flag !== undefined) settings[key] = { value: flag, source: flagOf(key) };
    else if (variable !== '') settings[key] = { value: variable, source: environmentName(key) };
    else if (inFile !== undefined) settings[key] = { value: inFile, source: `${path}: ${key}` };
  }
  const missing = connectionKeys.filter((key) => key !== 'serverName' && settings[key] === undefined);
  if (missing.length > 0) {
    throw new WrongUse(
      `not known how to reach the broker: ${missing.map(flagOf).join(', ')} missing`,
      `give the flags, set ${missing.map(environmentName).join(', ')}, or write them into ${path}`,
    );
  }
  return settings;
}

/**
 * Runs `use` with a client and closes it. grpc is loaded only now, so that `--help` and wrong use answer at once.
 * Nothing connects before the first call.
 */
export async function withBroker<T>(
  values: ConnectionValues,
  world: World,
  use: (client: AdminClient) => Promise<T>,
): Promise<T> {
  const settings = await connectionSettings(values, world);
  const [ca, certificate, key] = await Promise.all([
    readPem(settings.ca),
    readPem(settings.cert),
    readPem(settings.key),
  ]);
  const { createAdminClient } = await import('../rpc/client/admin-client.ts');
  const create = () =>
    createAdminClient({
      endpoint: {
        address: settings.broker?.value ?? '',
        ca,
        clientCertificate: { certificate, key },
        ...(settings.serverName === undefined ? {} : { serverName: settings.serverName.value }),
      },
      clock: world.clock,
      random: world.random,
    });
  await using client = rephrase(create, settings);
  return await use(client);
}

/** What the channel refuses are values that a person gave here, so they are named by where they came from. */
function rephrase<T>(create: () => T, settings: Settings): T {
  try {
    return create();
  } catch (error) {
    if (!hasCode(error, 'config_invalid')) throw error;
    const isAddress =
      error.detail?.startsWith('the host') === true || error.detail?.startsWith('the port') === true;
    const sources = isAddress ? [settings.broker] : [settings.ca, settings.cert, settings.key];
    const names = sources.flatMap((setting) => (setting === undefined ? [] : [setting.source])).join(', ');
    throw new WrongUse(
      `${names}: ${error.detail ?? error.message}`,
      ...(isAddress ? ['write HOST:PORT, for example broker.example.org:8444'] : []),
    );
  }
}

function readPem(setting: Setting | undefined): Promise<Buffer> {
  return readInput(setting?.source ?? '', setting?.value ?? '', maxPemBytes);
}
