/** What this tab remembers of one user, through a reload. */

const storageKey = (me, key) => `chat.${me.id}.${key}`;

/** What is stored under a key, or `fallback`. */
export function recall(me, key, fallback) {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey(me, key))) ?? fallback;
  } catch {
    return fallback; // storage may be forbidden
  }
}

/** Stores a value; an empty one is forgotten. */
export function remember(me, key, value) {
  try {
    if (value.length) sessionStorage.setItem(storageKey(me, key), JSON.stringify(value));
    else sessionStorage.removeItem(storageKey(me, key));
  } catch {
    // The chat works without storage.
  }
}
