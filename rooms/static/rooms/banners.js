/** Messages to everybody: shown above the page until closed. */

import { byId, piece } from "./page.js";

const SHOWN = 3;

export function showBanner({ from, text, isOfficial = false }) {
  const banner = piece("banner");
  banner.classList.toggle("official", isOfficial);
  banner.querySelector(".banner-from").textContent = from;
  banner.querySelector(".banner-text").textContent = text;
  banner.querySelector("button").addEventListener("click", () => banner.remove());
  byId("banners").prepend(banner);
  while (byId("banners").children.length > SHOWN) byId("banners").lastElementChild.remove();
}
