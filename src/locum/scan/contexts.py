"""What repeats a call: requests of users, loops, queues, timetables, command lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.languages.lowering import last_name
from locum.scan.receivers import calls_of
from locum.scan.tree import Call, Function, Literal
from locum.scan.values import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.scan.evaluation import Evaluator
    from locum.scan.findings import Context
    from locum.scan.tree import Module, Place

__all__ = ["contexts_of"]

_DEEPEST = 6
_ORDER: tuple[Context, ...] = ("web handler", "loop", "queue worker", "cron", "command line")

_LOOPING = frozenset(
    {
        *(
            "map",
            "foreach",
            "each",
            "eachwithindex",
            "flatmap",
            "collect",
            "filtermap",
            "eachslice",
        ),
        *("findeach", "findeachbatch", "eachrow", "select", "selectmany", "aggregate", "filter"),
        *(
            "reduce",
            "maptoobj",
            "eachline",
            "foreachasync",
            "parallelforeachasync",
            "pool",
            "submit",
        ),
        *(
            "eachentry",
            "mapasync",
            "imap",
            "imapunordered",
            "arraymap",
            "arraywalk",
            "apply",
            "chunk",
        ),
        *(
            "chunkbyid",
            "eachbyid",
            "transform",
            "pluck",
            "foreachordered",
            "cursor",
            "lazy",
            "find",
        ),
        *(
            "eachpair",
            "eachkey",
            "eachvalue",
            "eachwithobject",
            "inbatches",
            "times",
            "loop",
            "upto",
        ),
        *("progressapply", "starmap", "concatmap", "mapvalues", "allsettled", "some", "every"),
    }
)
_WEB_DECORATOR = re.compile(
    r"^@?\[?#?\[?\s*(?:[\w.]+\.)?(?:route|get|post|put|patch|delete|websocket|api_view|action|"
    r"require_post|require_get|require_http_methods|require_safe|csrf_exempt|login_required|"
    r"api_route|view_config|endpoint|server\.tool)\b|"
    r"^@(?:Get|Post|Put|Patch|Delete|Request)(?:Mapping)?\b|"
    r"^@(?:Path|GET|POST|PUT|MessageMapping|QueryMapping|MutationMapping|Query|Mutation)\b|"
    r"^\[(?:Http(?:Get|Post|Put|Patch|Delete)|Route|Function\b.*HttpTrigger)|"
    r"^#\[Route\b",
    re.IGNORECASE,
)
_WEB_CLASS_DECORATOR = re.compile(
    r"RestController|@Controller|\[ApiController|@Resolver|@Path|#\[AsController|#\[Route",
)
_WEB_BASE = re.compile(
    r"(?:^|\W)(?:\w*Controller(?:Base)?|\w*APIView|\w*ViewSet|View|TemplateView|FormView|"
    r"RequestHandler|HTTPEndpoint|MethodView|Resource|HttpServlet|Hub|PageModel|"
    r"AbstractController|Sinatra::Base|Grape::API|Roda|\w*Action|Livewire\w*)$"
)
_WEB_TYPES = re.compile(
    r"^(?:\w+\.)*(?:HttpRequest|NextRequest|Request|NextApiRequest|ServerRequestInterface|"
    r"HttpServletRequest|ResponseWriter|HttpContext|WebSocket|APIGatewayProxyEvent(?:V2)?|"
    r"\w*FormRequest|Store\w+Request|Update\w+Request|FastifyRequest|ServerRequest|"
    r"(?:gin|echo|fiber)\.(?:Context|Ctx)|Context<.*>|UploadFile|BackgroundTasks|RequestEvent|"
    r"HttpRequestData|\w+Request)$"
)
_WEB_NAMES = re.compile(r"^(?:req|request|ctx)$")
_WEB_CALL = frozenset(
    {
        *("get", "post", "put", "patch", "delete", "all", "use", "route", "mapget", "mappost"),
        *("mapput", "mapdelete", "mappatch", "handlefunc", "handle", "methodfunc", "mapmethods"),
        *("any", "register", "oncall", "onrequest", "handler", "httproute"),
    }
)
_ROUTE_EXPORTS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "loader", "action"})
_QUEUE_DECORATOR = re.compile(
    r"(?:^|[@.\[])(?:task|shared_task|actor|job|dramatiq\.actor|periodic_task|huey\.task|"
    r"KafkaListener|RabbitListener|SqsListener|JmsListener|StreamListener|ServiceBusTrigger|"
    r"QueueTrigger|Process|Processor|OnQueueEvent|EventPattern|MessagePattern|Queue|"
    r"subscriber|agent|broker\.\w+|consumer|AsMessageHandler|Incoming)\b"
)
_QUEUE_BASE = re.compile(
    r"(?:^|\W)(?:ShouldQueue|Sidekiq::(?:Job|Worker)|ApplicationJob|ActiveJob::Base|Job|"
    r"IConsumer(?:<.*>)?|WorkerHost|MessageHandlerInterface|Resque\w*|GoodJob\w*|"
    r"Shoryuken::Worker|Consumer|IHandleMessages<.*>|BackgroundService|"
    r"IMessageHandler(?:<.*>)?|IRequestConsumer|RequestHandler<SQSEvent.*>|Que::Job)$"
)
_QUEUE_TYPES = re.compile(
    r"SQSEvent|SqsEvent|KafkaEvent|ConsumerRecord|ConsumeContext|KafkaMessage|"
    r"ServiceBusReceivedMessage|\bJob\b|asynq\.Task|amqp\.Delivery|JobContext"
)
_QUEUE_CALL = frozenset(
    {
        *("worker", "process", "consume", "basicconsume", "subscribe", "handlefunc", "eachmessage"),
        *("eachbatch", "receivemessage", "addworker", "createworker", "define", "createfunction"),
        *("processmessageasync", "basicconsume", "consumer", "addconsumer", "queuesubscribe"),
    }
)
_QUEUE_SOURCE = re.compile(
    r"bullmq|\bbull\b|\bcelery\b|\brq\b|dramatiq|\barq\b|kafka|rabbit|amqp|pika|\bsqs\b|pubsub|"
    r"asynq|machinery|sidekiq|servicebus|masstransit|\bnats\b|inngest|pg-boss|agenda|beanstalk|"
    r"redis.{0,20}(?:blpop|brpop|xread)|machinery|faktory|river",
    re.IGNORECASE,
)
_QUEUE_LOOP = re.compile(
    r"receive_message|consumer\b|\.poll\(|blpop|brpop|xreadgroup|ReadMessage|FetchMessage|"
    r"ReceiveMessage|basic_get|\.Consume\(|iter_messages|<-msgs|range msgs|deliveries",
)
_CRON_DECORATOR = re.compile(
    r"@?(?:Scheduled|Cron|Interval|scheduled_job|periodic_task|crontab|cron|TimerTrigger|"
    r"DisallowConcurrentExecution|repeat_every|AsCronTask|AsPeriodicTask|EnableScheduling)\b"
)
_CRON_BASE = re.compile(r"(?:^|\W)(?:IJob|QuartzJobBean|CronJob|IInvocable|Job<CronContext>)$")
_CRON_CALL = frozenset(
    {
        *("do", "addjob", "addfunc", "schedule", "cron", "cronjob", "schedulejob", "every", "in"),
        *("addorupdate", "call", "newjob", "scheduleatfixedrate", "schedulewithfixeddelay"),
        *("onschedule", "setinterval", "from", "addtask", "newtask", "enterabs"),
    }
)
_CRON_SOURCE = re.compile(
    r"\bcron|schedule\.every|apscheduler|scheduler|rufus|hangfire|recurringjob|quartz|robfig|"
    r"gocron|setInterval|celery\.beat|beat_schedule|onSchedule|\$schedule->|node-schedule",
    re.IGNORECASE,
)
_COMMAND_DECORATOR = re.compile(
    r"(?:^|[@.])(?:command|group|cli|callback|argument|option|AsCommand|Command|ShellMethod|"
    r"ShellComponent)\b"
)
_COMMAND_BASE = re.compile(
    r"(?:^|\W)(?:BaseCommand|Command|CommandLineRunner|ApplicationRunner|Thor|Callable<Integer>|"
    r"Runnable|AsyncCommand(?:<.*>)?|ICommand|ConsoleCommand|AppCommand)$"
)
_COMMAND_SOURCE = re.compile(
    r"argparse|ArgumentParser|process\.argv|\bARGV\b|OptionParser|\$argv\b|__name__\s*==|sys\.argv|"
    r"from ['\"]commander['\"]|yargs|optparse|parseArgs|\bmeow\b|__FILE__ == \$|"
    r"PROGRAM_NAME|fire\.Fire|"
    r"getopt\(|STDIN|php_sapi_name|sys\.stdin|process\.stdin|flag\.Parse|cobra\.Command|os\.Args"
)
_SERVES = re.compile(r"(?<!asyncio)\.(?:run|listen|MapPost|MapGet)\(")
_PROGRAMS = frozenset({"main", "Main", "<Main>$", "<Main>"})


def contexts_of(ev: Evaluator, function: Function, loops: int) -> tuple[Context, ...]:
    """Return what repeats a place in a file.

    Args:
        ev: Reads the file, with no callers chosen.
        function: In which function the place is.
        loops: In how many loops of it.
    """
    found: set[Context] = set()
    _collect(ev, function, loops, found, set())
    return tuple(context for context in _ORDER if context in found)


def _collect(
    ev: Evaluator, function: Function, loops: int, found: set[Context], seen: set[int]
) -> None:
    module = ev.module
    if loops:
        found.add("loop")
    if id(function) in seen or len(seen) > 40:
        return
    seen.add(id(function))
    found.update(_own(module, function))
    if function.passed_to is not None:
        found.update(_passed(module, function.passed_to))
    if function.parent is not None and not function.name:
        _collect(ev, function.parent, function.loops, found, seen)
    elif function.parent is not None and function.parent.name != "<module>":
        _collect(ev, function.parent, 0, found, seen)
    for place in calls_of(ev, function) if function.name else ():
        _collect(ev, place.function, place.loops, found, seen)
    for call, place in _passed_by_name(module, function):
        found.update(_passed(module, call))
        if place.function is not function:
            _collect(ev, place.function, place.loops, found, seen)


def _passed_by_name(module: Module, function: Function) -> Iterator[tuple[Call, Place]]:
    """Calls that a function is handed to by its name."""
    for place in module.calls_by_argument.get(function.name, ()):
        assert isinstance(place.expression, Call)
        yield place.expression, place


def _own(module: Module, function: Function) -> Iterator[Context]:
    """What a function itself, its decorators and its class tell."""
    owner = function.owner
    for decorator in function.decorators:
        yield from _decorated(decorator)
    if owner is not None and not function.header.lstrip().startswith("private"):
        yield from _of_class(owner.bases, owner.decorators)
    yield from _of_parameters(module, function)
    if function.name in _ROUTE_EXPORTS and module.language in {"typescript", "javascript"}:
        yield "web handler"
    if function.name == "<module>" or function.name in _PROGRAMS:
        yield from _program(module, function)


def _decorated(decorator: str) -> Iterator[Context]:
    if _CRON_DECORATOR.search(decorator):
        yield "cron"
    elif _COMMAND_DECORATOR.search(decorator) and not _WEB_DECORATOR.search(decorator):
        yield "command line"
    elif _WEB_DECORATOR.search(decorator):
        yield "web handler"
    elif _QUEUE_DECORATOR.search(decorator):
        yield "queue worker"


def _of_class(bases: list[str], decorators: list[str]) -> Iterator[Context]:
    if any(_WEB_BASE.search(base) for base in bases):
        yield "web handler"
    if any(_WEB_CLASS_DECORATOR.search(decorator) for decorator in decorators):
        yield "web handler"
    if any(_QUEUE_BASE.search(base) for base in bases):
        yield "queue worker"
    if any(_QUEUE_DECORATOR.search(decorator) for decorator in decorators):
        yield "queue worker"
    if any(_CRON_BASE.search(base) for base in bases):
        yield "cron"
    if any(_COMMAND_BASE.search(base) for base in bases):
        yield "command line"
    if any(_COMMAND_DECORATOR.search(one.split("(")[0]) for one in decorators):
        yield "command line"


def _of_parameters(module: Module, function: Function) -> Iterator[Context]:
    for parameter in function.parameters:
        type_text = parameter.type_text
        if _QUEUE_TYPES.search(type_text):
            yield "queue worker"
        elif (_WEB_TYPES.match(type_text) and not _is_sdk(type_text)) or (
            not type_text and _WEB_NAMES.match(parameter.name)
        ):
            yield "web handler"
    if "SQS" in module.source and function.name in {"handler", "lambda_handler"}:
        yield "queue worker"
    elif function.name == "lambda_handler":
        yield "web handler"


def _is_sdk(type_text: str) -> bool:
    return bool(re.search(r"Chat|Completion|Message|Model|Converse|Invoke|LLM|Llm", type_text))


def _program(module: Module, function: Function) -> Iterator[Context]:
    has_arguments = module.mentions(_COMMAND_SOURCE) and not module.mentions(_SERVES)
    if function.name in _PROGRAMS or has_arguments:
        yield "command line"
    if module.mentions(_QUEUE_LOOP) and module.mentions(_QUEUE_SOURCE):
        yield "queue worker"


def _passed(module: Module, call: Call) -> Iterator[Context]:
    """What a call means for a function that it is handed."""
    name = plain(last_name(call.callee))
    if name in _LOOPING:
        yield "loop"
    first = call.arguments[0].value if call.arguments else None
    route = first.value if isinstance(first, Literal) else None
    is_route = isinstance(route, str) and route.startswith(("/", "GET ", "POST ", "PUT ", "*"))
    if name in _WEB_CALL and is_route:
        yield "web handler"
    elif name in _CRON_CALL and module.mentions(_CRON_SOURCE):
        yield "cron"
    elif name in _QUEUE_CALL and module.mentions(_QUEUE_SOURCE):
        yield "queue worker"
    elif name in {"action", "run", "command"} and module.mentions(_COMMAND_SOURCE):
        yield "command line"
