"""bot.py - answers messages with asyncio. In the public domain.

    bot.py CONNINFO BOT PEER...    the ids of the bot and of its peers; Ctrl-C ends it
"""
import asyncio
import sys
import uuid

import dialogs


async def answer(db, bot, message):
    """The key makes it one answer to each message, even when two bots run, or this one is stopped half-way."""
    await db.asend(bot, message.author, f"You said: {message.text}", key=f"answer to {message.id}")


async def follow(db, bot, peer):
    page = await db.apage(bot, peer)
    while True:
        page = await db.apage(bot, peer, after=page.after)
        for message in page.messages:
            if message.author == peer:
                await answer(db, bot, message)
        if not page.more:
            await asyncio.sleep(0.2)


async def main(conninfo, bot, *peers):
    async with await dialogs.aopen(conninfo) as db:
        print("listening", flush=True)
        await asyncio.gather(*(follow(db, bot, peer) for peer in peers))


if len(sys.argv) < 4:
    sys.exit("usage: bot.py CONNINFO BOT PEER...")
try:
    asyncio.run(main(sys.argv[1], *map(uuid.UUID, sys.argv[2:])))
except KeyboardInterrupt:
    pass
