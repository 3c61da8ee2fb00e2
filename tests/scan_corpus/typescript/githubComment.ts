import axios from "axios";

const api = axios.create({
  baseURL: "https://api.github.com",
  headers: { Authorization: `Bearer ${process.env.GITHUB_TOKEN}` },
});

export async function comment(repo: string, issue: number, verdict: string): Promise<number> {
  const { data } = await api.post(`/repos/${repo}/issues/${issue}/comments`, {
    body: verdict === "yes" ? "Looks like a duplicate." : "Thanks for the report!",
    model: "comment",
    messages: [],
  });
  return data.id;
}

export async function commentAll(repo: string, issues: number[]): Promise<void> {
  for (const issue of issues) await comment(repo, issue, "no");
}
