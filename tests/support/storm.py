"""Everything is killed while webhooks arrive: who is killed when, and a sender that does not mind."""

import asyncio

from support import webhooks
from support.gateway import ROLES, UNLIMITED

# A worker that was killed is missed soon, and its runs are over soon.
SHORT_RUNS = {f"{source}_agent_timeout": 3 for source in ("slack", "github", "pagerduty", "incidentio", "generic")}
QUICK = UNLIMITED | SHORT_RUNS | {"claim_lease": "2s"}
# What a worker or a listener may say while its database, or another role, is away.
AWAY = (r"[Dd]atabase", r"[Pp]ostgres", r"connect", r"refused", r"reset", r"closed", r"terminat", r"recovery", r"timed? ?out", r"deadline",
        r"[Uu]navailable", r"server")


def split(gateways, database, **flags):
    """Each role a process of its own."""
    made = {role: gateways(database, roles=role, **flags) for role in ROLES}
    for process in made.values():
        process.expect_errors(*AWAY)
    return made


async def storm(url, events, blows, **options):
    """Sends all events; each of `blows`, (n, strike), falls when n answers are there, and is over before the next. The answers."""
    answers, arrived = [], asyncio.Condition()

    async def strike_all():
        for at, strike in sorted(blows, key=lambda blow: blow[0]):
            async with arrived:
                await arrived.wait_for(lambda at=at: len(answers) >= at)
            await asyncio.to_thread(strike)

    async with webhooks.Sender(url, **options) as sender:
        left = iter(events)

        async def work():
            for webhook in left:
                answer = await sender.send(webhook)
                async with arrived:
                    answers.append(answer)
                    arrived.notify_all()

        await asyncio.gather(strike_all(), *(work() for _ in range(sender.concurrency)))
    return answers


def blows_of(rng, total, strikes):
    """Points between a tenth and nine tenths of the way, one a strike, in random order."""
    points = sorted(rng.sample(range(total // 10, total * 9 // 10), len(strikes)))
    strikes = list(strikes)
    rng.shuffle(strikes)
    return list(zip(points, strikes, strict=True))


def killer(process):
    def strike():
        process.kill()
        process.start()

    return strike
