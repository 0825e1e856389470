"""Twisted's reactor, on uvloop. To be imported before daphne, which would install a slower one."""

import uvloop
from twisted.internet import asyncioreactor

loop = uvloop.new_event_loop()
asyncioreactor.install(loop)
