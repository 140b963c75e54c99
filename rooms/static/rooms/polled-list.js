/** Keeps a list from the server up to date: fetches it soon after a reason to, and the less often the longer it is. */

const ENTRY_MS = 50; // a list of 1,000 is fetched every 50 seconds at most

export class PolledList {
  #ask;
  #timer = null;
  #notBefore = 0;

  /** `ask()` fetches and shows the list, and resolves with its length. */
  constructor(ask) {
    this.#ask = ask;
  }

  /** Fetches within `spreadMs`, once for many reasons, at a random moment so that not all clients fetch at once. */
  soon(spreadMs) {
    const wait = Math.max(Math.random() * spreadMs, this.#notBefore - Date.now());
    this.#timer ??= setTimeout(() => this.#run(), wait);
  }

  async #run() {
    this.#timer = null;
    try {
      this.#notBefore = Date.now() + ENTRY_MS * (await this.#ask());
    } catch {
      // The next reason fetches it again.
    }
  }
}
