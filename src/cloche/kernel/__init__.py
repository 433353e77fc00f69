"""What every service stands on: services, calls, records, time, events. Import names from here."""
from ..wire.http import FileBody, Request, Response
from . import hosts, pages
from .call import Call
from .clock import Clock
from .cloud import Cloud
from .errors import AwsError
from .events import AwsEvent, Event
from .sealing import Sealed
from .service import ANY, Entry, Need, Service
from .store import Record, Store

__all__ = ["ANY", "AwsError", "AwsEvent", "Call", "Clock", "Cloud", "Entry", "Event", "FileBody", "Need", "Record", "Request", "Response", "Sealed", "Service", "Store", "hosts", "pages"]
