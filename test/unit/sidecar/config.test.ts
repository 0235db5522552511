import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode, LeaseholdError } from '../../../src/platform/error.ts';
import { parseSidecarConfig } from '../../../sidecar/config.ts';

const least = `
broker: { address: "broker.example:8443", ca: /etc/leasehold/ca.pem }
credential: /var/run/secrets/token
target: /leasehold
bundles: [{ name: db }]
`;

function detailOf(source: string): string | undefined {
  try {
    parseSidecarConfig(source);
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'config_invalid')) throw error;
    return LeaseholdError.from(error).detail;
  }
}

describe('parseSidecarConfig', () => {
  it('fills in what is left out', () => {
    expect(parseSidecarConfig(least)).toEqual({
      broker: { address: ['broker.example:8443'], ca: '/etc/leasehold/ca.pem', serverName: undefined },
      credential: '/var/run/secrets/token',
      target: '/leasehold',
      allowDisk: false,
      onExit: 'wipe',
      uid: undefined,
      gid: undefined,
      health: { listen: undefined, startedFile: undefined, readyFile: undefined },
      log: { level: 'info' },
      onceSeconds: 300,
      bundles: [{ name: 'db', folder: 'db', files: undefined, notify: { kind: 'none' }, requireAck: false }],
    });
  });

  it('reads everything there is', () => {
    const config = parseSidecarConfig(`
broker: { address: ["a:1", "[::1]:2"], ca: /ca, serverName: broker }
credential: /token
target: /run/files
allowDisk: true
onExit: keep
uid: 1000
gid: 2000
health: { listen: "127.0.0.1:0", startedFile: /run/started, readyFile: /run/ready }
log: { level: debug }
onceSeconds: 10
bundles:
  - name: db
    folder: database
    notify: { signal: { signal: SIGHUP, pidFile: /run/app.pid } }
    requireAck: true
    files:
      conf/app.ini: { template: "user={{ login.user }}", mode: "0400", uid: 1, gid: 2 }
      user: { secret: login, field: user }
      all.json: { secret: login, format: json }
  - { name: web, notify: { http: "http://127.0.0.1:9000/reload" } }
`);
    expect(config.health.listen).toEqual({ host: '127.0.0.1', port: 0 });
    expect(config.bundles[0]).toMatchObject({
      folder: 'database',
      notify: { kind: 'signal', signal: 'SIGHUP', pidFile: '/run/app.pid' },
      files: [
        { path: 'conf/app.ini', mode: 0o400, uid: 1, gid: 2, content: { format: 'template' } },
        { path: 'user', mode: 0o440, content: { format: 'raw', secret: 'login', field: 'user' } },
        { path: 'all.json', content: { format: 'json', secret: 'login' } },
      ],
    });
    expect(config.bundles[1]?.notify).toMatchObject({ kind: 'http' });
  });

  const bundle = (inner: string) => least.replace('{ name: db }', `{ name: db, ${inner} }`);

  it.each([
    ['an unknown key', `${least}extra: hunter2`, 'extra: there is no such key'],
    ['an unknown key below', bundle('colour: hunter2'), 'bundles[0].colour: there is no such key'],
    ['no bundles', least.replace('[{ name: db }]', '[]'), 'bundles: must have from 1 to 64 entries'],
    ['a missing key', least.replace(/credential.*/, ''), 'credential: is required'],
    ['a wrong type', least.replace('/leasehold\n', '7\n'), 'target: must be a text'],
    ['a relative path', least.replace('/leasehold\n', 'hunter2\n'), 'target: must be an absolute path'],
    [
      'a path that climbs',
      least.replace('/leasehold\n', '/a/../hunter2\n'),
      'target: must be an absolute path',
    ],
    ['the root', least.replace('/leasehold\n', '/\n'), 'target: must be an absolute path'],
    ['no port', least.replace(':8443', ''), 'broker.address: the port is missing'],
    [
      'a URL as address',
      least.replace('broker.example', 'https://hunter2'),
      'broker.address: the host is neither',
    ],
    [
      'a folder that climbs',
      bundle('folder: ".."'),
      'bundles[0].folder: a path has an empty, . or .. segment',
    ],
    ['a folder of two segments', bundle('folder: a/b'), 'bundles[0].folder: must be one path segment'],
    [
      'a reserved folder',
      bundle('folder: ..data'),
      'bundles[0].folder: a segment of a path begins with two dots',
    ],
    ['a bundle twice', least.replace('[{', '[{ name: db, folder: x }, {'), 'bundles[1].name: stands twice'],
    [
      'a folder twice',
      least.replace('[{', '[{ name: web, folder: db }, {'),
      'bundles[1].folder: stands twice',
    ],
    [
      'an outside call',
      bundle('notify: { http: "http://hunter2.example/" }'),
      'bundles[0].notify.http: must be an http URL',
    ],
    [
      'a login in a call',
      bundle('notify: { http: "http://u:hunter2@127.0.0.1/" }'),
      'bundles[0].notify.http: must be',
    ],
    [
      'SIGKILL',
      bundle('notify: { signal: { signal: SIGKILL, pidFile: /p } }'),
      'bundles[0].notify.signal.signal: must be one of',
    ],
    [
      'two notices',
      bundle('notify: { http: "http://127.0.0.1/", signal: { signal: SIGHUP, pidFile: /p } }'),
      'bundles[0].notify: must have',
    ],
    [
      'a mode as a number',
      bundle('files: { f: { secret: s, field: f, mode: 0440 } }'),
      'bundles[0].files.f.mode: must be 0 and three',
    ],
    [
      'a mode for everybody',
      bundle('files: { f: { secret: s, field: f, mode: "0444" } }'),
      'bundles[0].files.f.mode: must give nothing',
    ],
    [
      'a path that leaves',
      bundle('files: { ../f: { secret: s, field: f } }'),
      'bundles[0].files: a path has an empty',
    ],
    [
      'a broken template',
      bundle('files: { f: { template: "{{ hunter2" } }'),
      'bundles[0].files.f.template: line 1, column 11',
    ],
    [
      'a field of json',
      bundle('files: { f: { secret: s, field: f, format: json } }'),
      'bundles[0].files.f: a field goes with',
    ],
    ['an alias', `${least}log: &a { level: info }`, 'anchors are not accepted'],
    ['a key twice', `${least}target: /hunter2`, 'this key stands twice'],
    ['no YAML', '{ hunter2', 'line'],
    ['a list', '[hunter2]', 'the document: must be a mapping'],
  ])('stops at %s, naming key and rule and never the value', (_, source, expected) => {
    const detail = detailOf(source);
    expect(detail).toContain(expected);
    expect(detail).not.toContain('hunter2');
  });

  it('answers any text with a configuration or with config_invalid', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (source) => {
        detailOf(source);
      }),
    );
  });
});
