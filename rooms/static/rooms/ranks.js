/** What somebody may do in a room, by their role there and in the whole chat: as the server decides, which has the last word. */

export const [VISITOR, MEMBER, MODERATOR, OWNER, ADMIN] = [0, 1, 2, 3, 4];
const OF_ROLE = { member: MEMBER, moderator: MODERATOR, owner: OWNER };

/** `siteRoles` are those of the signed-in user; of others they are unknown. */
export function rankOf(role, siteRoles = []) {
  if (siteRoles.includes("admin")) return ADMIN;
  return Math.max(OF_ROLE[role] ?? VISITOR, siteRoles.includes("moderator") ? MODERATOR : VISITOR);
}
