"""Which parameters an engine has: asked of the server's program itself, and what RDS says of them beside."""
from __future__ import annotations

import re
import subprocess
from functools import cache
from typing import NamedTuple

from cloche.engines.db import mariadb, postgres
from cloche.engines.db.process import program


class Parameter(NamedTuple):
    name: str
    value: str | None        # the default, perhaps a formula
    static: bool             # in effect after a reboot only
    type: str
    modifiable: bool
    description: str = ""
    low: str = ""            # of a number
    high: str = ""

    @property
    def allowed(self) -> str | None:
        return f"{self.low}-{self.high}" if self.low else "0,1" if self.type == "boolean" else None


TYPES = {"BOOLEAN": "boolean", "INTEGER": "integer", "REAL": "float", "STRING": "string", "ENUM": "string"}
OURS = {"data_directory", "config_file", "hba_file", "ident_file", "unix_socket_directories", "listen_addresses", "port", "ssl", "ssl_cert_file", "ssl_key_file", "external_pid_file", "archive_command", "archive_mode",
        "archive_library", "primary_conninfo", "restore_command", "wal_level", "fsync", "log_destination", "logging_collector"}       # RDS keeps them, too, or they are of the place
RDS = {"postgres": {"max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)", "shared_buffers": "{DBInstanceClassMemory/32768}"},
       "mysql": {"max_connections": "{DBInstanceClassMemory/12582880}", "innodb_buffer_pool_size": "{DBInstanceClassMemory*3/4}", "log_output": "TABLE"}}
DYNAMIC = set(re.findall(r"\w+", """autocommit binlog_cache_size binlog_format character_set_client character_set_connection character_set_database character_set_results character_set_server collation_connection collation_server
concurrent_insert connect_timeout default_storage_engine default_week_format delay_key_write event_scheduler expire_logs_days general_log group_concat_max_len init_connect innodb_buffer_pool_size
innodb_flush_log_at_trx_commit innodb_io_capacity innodb_lock_wait_timeout innodb_max_dirty_pages_pct innodb_print_all_deadlocks innodb_stats_persistent interactive_timeout join_buffer_size key_buffer_size lc_time_names
local_infile lock_wait_timeout log_bin_trust_function_creators log_output log_queries_not_using_indexes log_warnings long_query_time low_priority_updates max_allowed_packet max_connect_errors max_connections
max_error_count max_heap_table_size max_join_size max_prepared_stmt_count max_sort_length max_statement_time max_user_connections min_examined_row_limit net_buffer_length net_read_timeout net_retry_count
net_write_timeout optimizer_switch query_cache_limit query_cache_size query_cache_type range_alloc_block_size read_buffer_size read_only read_rnd_buffer_size slow_launch_time slow_query_log sort_buffer_size
sql_mode sync_binlog table_definition_cache table_open_cache thread_cache_size time_zone tmp_table_size tx_isolation updatable_views_with_limit wait_timeout"""))
KEPT = {"basedir", "datadir", "socket", "port", "tmpdir", "pid_file", "user", "plugin_dir", "log_error", "slow_query_log_file", "general_log_file", "secure_file_priv", "ssl_ca", "ssl_cert", "ssl_key", "skip_networking",
        "skip_name_resolve", "init_file", "server_id", "log_bin"}


def of(family: str) -> dict[str, Parameter]:
    """By name; empty for engines that are records here."""
    return _postgres() if family.startswith("postgres") else _mariadb() if family.startswith(("mysql", "mariadb")) else {}


@cache
def _postgres() -> dict[str, Parameter]:
    path = program("postgres", *postgres.PLACES)
    if path is None:
        return {}
    found = {"rds.force_ssl": Parameter("rds.force_ssl", "0", False, "boolean", True, "Force SSL connections.")}
    for line in subprocess.run([path, "--describe-config"], capture_output=True, text=True, check=False).stdout.splitlines():
        parts = line.split("\t")
        if len(parts) < 8:
            continue
        name, context, _, type_, default, low, high, description = parts[:8]
        static = context == "postmaster"
        found[name] = Parameter(name, RDS["postgres"].get(name, default or None), static, TYPES.get(type_, "string"), context != "internal" and name not in OURS, description,
                                *((low, high) if type_ in ("INTEGER", "REAL") else ()))
    return found


@cache
def _mariadb() -> dict[str, Parameter]:
    path = program("mariadbd", *mariadb.PLACES)
    if path is None:
        return {}
    out = subprocess.run([path, "--no-defaults", "--verbose", "--help"], capture_output=True, text=True, check=False).stdout
    found = {}
    for line in out.partition("------------ -------------\n")[2].splitlines():
        parts = re.split(r"\s+", line.strip(), maxsplit=1)
        if not line.strip():
            break
        name, default = parts[0].replace("-", "_"), parts[1] if len(parts) > 1 and not parts[1].startswith("(No default") else None
        boolean = default in ("TRUE", "FALSE")
        value = RDS["mysql"].get(name, {"TRUE": "1", "FALSE": "0"}.get(default or "", default))
        found[name] = Parameter(name, value, name not in DYNAMIC, "boolean" if boolean else "integer" if (default or "").isdigit() else "string", name not in KEPT)
    return found


# -- formulas -------------------------------------------------------------------------------------------------------------

FUNCTION = re.compile(r"(GREATEST|LEAST|SUM)\(([^()]*)\)")
FORMULA = re.compile(r"\{\s*(\w+)\s*((?:[*/]\s*\d+\s*)*)\}")
REDUCE = {"GREATEST": max, "LEAST": min, "SUM": sum}


def value(text: str, known: dict[str, int]) -> str:
    """A parameter's value, its formulas reckoned: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ParamValuesRef.html. Raises ValueError."""
    def reckoned(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ValueError(f"unknown variable {match[1]}")
        number = known[match[1]]
        for operator, operand in re.findall(r"([*/])\s*(\d+)", match[2]):
            if operator == "/" and int(operand) == 0:
                raise ValueError("division by zero")
            number = number * int(operand) if operator == "*" else number // int(operand)
        return str(number)

    text = FORMULA.sub(reckoned, text)
    while (match := FUNCTION.search(text)) is not None:
        text = text[:match.start()] + str(REDUCE[match[1]]([int(part) for part in match[2].split(",")])) + text[match.end():]
    return text


def check(known: Parameter, given: str) -> str | None:
    """Why a value cannot be one of the parameter's; None if it can."""
    if "{" in given or "(" in given:
        try:
            value(given, {"DBInstanceClassMemory": 1 << 30, "AllocatedStorage": 20 << 30, "DBInstanceVCPU": 2, "EndPointPort": 5432, "TrueIfReplica": 0})
        except ValueError as error:
            return str(error)
        return None
    if known.type == "boolean" and given.lower() not in ("0", "1", "on", "off", "true", "false"):
        return "it is a boolean"
    if known.type in ("integer", "float"):
        try:
            number = float(given)
        except ValueError:
            return "it is a number"
        if known.low and not float(known.low) <= number <= float(known.high):
            return f"allowed is {known.allowed}"
    return None
