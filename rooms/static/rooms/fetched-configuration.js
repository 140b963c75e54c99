/** The configuration of elements that name an address, and what to do when nobody is signed in. */

import { Configuration } from "./configuration.js";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
const fetched = new Map(); // address → promise of a Configuration

/** Nobody is signed in: `message` is for the reader, `urls` has `signIn` and `style`. */
export class NotSignedIn extends Error {
  constructor({ error, urls }) {
    super(error);
    Object.assign(this, { name: "NotSignedIn", urls });
  }
}

/**
 * The configuration at an address, fetched once for all who ask; while the server does not answer it is asked again.
 * Rejects with NotSignedIn; whoever asks after that makes it fetch again.
 */
export function configurationAt(address) {
  if (!fetched.has(address)) {
    const found = fetchConfiguration(address);
    found.catch(() => fetched.delete(address));
    fetched.set(address, found);
  }
  return fetched.get(address);
}

async function fetchConfiguration(address) {
  for (let retryInMs = FIRST_RETRY_MS; ; retryInMs = Math.min(2 * retryInMs, LAST_RETRY_MS)) {
    const response = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    if (response?.ok) return new Configuration(await response.json());
    if (response?.status === 401) throw new NotSignedIn(await response.json());
    await new Promise((resolve) => setTimeout(resolve, retryInMs));
  }
}
