/** The page of all rooms: its configuration, its elements and its templates. */

import { configurationOfPage } from "./configuration.js";

export const configuration = configurationOfPage();
export const { me, urls, say, sayError } = configuration;

export const byId = (id) => document.getElementById(id);

/** A new copy of one of the page's templates. */
export const piece = (name) => byId(`${name}-piece`).content.firstElementChild.cloneNode(true);
