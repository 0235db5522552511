import { vi } from 'vitest';

/** Of its own, Vitest gives up after one second, which a busy machine may need for one fork. */
const timeout = 30_000;

type Options = Parameters<typeof vi.waitFor>[1];

const patiently = (options: Options) => (typeof options === 'number' ? options : { timeout, ...options });

const { waitFor, waitUntil } = vi;
vi.waitFor = (look, options) => waitFor(look, patiently(options));
vi.waitUntil = (look, options) => waitUntil(look, patiently(options));
