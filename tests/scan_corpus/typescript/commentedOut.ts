import { parse } from "node-html-parser";

/**
 * Example of what we tried first:
 *
 * ```ts
 * const completion = await openai.chat.completions.create({
 *   model: "gpt-4o",
 *   messages: [{ role: "user", content: `Is this page an article? yes/no\n${html}` }],
 *   max_tokens: 1,
 * });
 * ```
 */
export function isArticle(html: string): boolean {
  const root = parse(html);
  // const verdict = await generateText({ model: openai("gpt-4o"), prompt: "yes or no? " + html });
  // return verdict.text === "yes";
  return root.querySelectorAll("article p").length >= 3;
}
