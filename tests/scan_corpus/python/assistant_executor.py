from langchain.agents import AgentExecutor, create_tool_calling_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder

from crm.tools import find_contact, list_deals, send_mail

llm = ChatAnthropic(model="claude-sonnet-4-20250514", temperature=0)
tools = [find_contact, list_deals, send_mail]

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", "You help a salesperson with the CRM. Use the tools. Ask before sending mail."),
        MessagesPlaceholder("chat_history"),
        ("human", "{input}"),
        MessagesPlaceholder("agent_scratchpad"),
    ]
)

executor = AgentExecutor(agent=create_tool_calling_agent(llm, tools, prompt), tools=tools)


async def respond(text: str, history: list) -> str:
    result = await executor.ainvoke({"input": text, "chat_history": history})
    return result["output"]
