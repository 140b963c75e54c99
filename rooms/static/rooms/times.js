/** Times as the reader is used to them: the page's language, in the reader's own regional form where the browser names one. */

import { language, say } from "./page.js";

const locale = navigator.languages.find((name) => name.split("-")[0] === language.split("-")[0]) ?? language;
const time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const dayOfThisYear = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const dayOfAnyYear = new Intl.DateTimeFormat(locale, { dateStyle: "full" });

const daysAgo = (date) => {
  const midnight = (value) => new Date(value).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
};

export const isSameDay = (a, b) => a.toDateString() === b.toDateString();

export function sayDay(date) {
  if (daysAgo(date) === 0) return say("today");
  if (daysAgo(date) === 1) return say("yesterday");
  return (date.getFullYear() === new Date().getFullYear() ? dayOfThisYear : dayOfAnyYear).format(date);
}

/** Shows a moment in a <time> element: the hour, and all of it on demand. */
export function paintTime(element, date) {
  element.dateTime = date.toISOString();
  element.textContent = time.format(date);
  element.title = moment.format(date);
}
