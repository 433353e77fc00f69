"""AWSManagedRulesBotControlRuleSet: bots that say who they are, clients that are no browsers, and, at the targeted level, clients without a token.

Nobody's identity can be verified on one's own machine (AWS looks addresses up): whoever says that he is a bot is an unverified one.
"""
from __future__ import annotations

from typing import Any

import regex

from .threats import Group, Sensed, agent, has_token, token_labels

FIVE_MINUTES, WITHOUT_TOKEN = 300, 5   # a client's requests without a token: from the fifth on

# category -> words of the User-Agent -> the bot's name
BOTS: dict[str, dict[str, str]] = {
    "advertising": {"adsbot": "adsbot", "mediapartners-google": "mediapartners_google", "adidxbot": "adidxbot", "criteobot": "criteobot", "bidswitchbot": "bidswitchbot"},
    "ai": {"gptbot": "gptbot", "claudebot": "claudebot", "ccbot": "ccbot", "perplexitybot": "perplexitybot", "bytespider": "bytespider", "amazonbot": "amazonbot", "chatgpt-user": "chatgpt_user"},
    "archiver": {"ia_archiver": "ia_archiver", "archive.org_bot": "archive_org_bot", "heritrix": "heritrix"},
    "content_fetcher": {"feedfetcher": "feedfetcher", "feedly": "feedly", "pocketparser": "pocket_parser", "inoreader": "inoreader", "flipboardproxy": "flipboard_proxy"},
    "email_client": {"thunderbird": "thunderbird", "outlook-ios": "outlook", "microsoft outlook": "outlook", "yahoomailproxy": "yahoo_mail_proxy", "googleimageproxy": "google_image_proxy"},
    "http_library": {"curl/": "curl", "wget/": "wget", "python-requests": "python_requests", "python-urllib": "python_urllib", "python-httpx": "python_httpx", "aiohttp": "aiohttp",
                     "go-http-client": "go_http_client", "okhttp": "okhttp", "apache-httpclient": "apache_http_client", "java/": "java", "libwww-perl": "libwww_perl", "axios/": "axios",
                     "node-fetch": "node_fetch", "undici": "undici", "guzzlehttp": "guzzle", "httpie": "httpie", "aws-sdk": "aws_sdk", "boto3/": "boto3", "postmanruntime": "postman"},
    "link_checker": {"linkchecker": "link_checker", "w3c-checklink": "w3c_checklink", "brokenlinkcheck": "broken_link_check", "xenu link sleuth": "xenu"},
    "miscellaneous": {"bot/": "", "crawler": "", "spider": ""},     # whoever calls himself one; looked at last
    "monitoring": {"uptimerobot": "uptime_robot", "pingdom": "pingdom", "statuscake": "statuscake", "site24x7": "site24x7", "amazon-route53-health-check-service": "route53_health_check",
                   "elb-healthchecker": "elb_health_checker", "datadog": "datadog", "newrelicpinger": "new_relic"},
    "scraping_framework": {"scrapy": "scrapy", "nutch": "nutch", "colly": "colly", "httrack": "httrack", "beautifulsoup": "beautiful_soup", "mechanize": "mechanize"},
    "search_engine": {"googlebot": "googlebot", "bingbot": "bingbot", "slurp": "slurp", "duckduckbot": "duckduckbot", "baiduspider": "baiduspider", "yandexbot": "yandexbot", "applebot": "applebot"},
    "security": {"nessus": "nessus", "qualys": "qualys", "nmap": "nmap", "sqlmap": "sqlmap", "nikto": "nikto", "censysinspect": "censys", "zgrab": "zgrab", "expanse": "expanse"},
    "seo": {"ahrefsbot": "ahrefsbot", "semrushbot": "semrushbot", "mj12bot": "mj12bot", "dotbot": "dotbot", "screaming frog": "screaming_frog", "rogerbot": "rogerbot"},
    "social_media": {"facebookexternalhit": "facebook_external_hit", "twitterbot": "twitterbot", "linkedinbot": "linkedinbot", "pinterestbot": "pinterestbot", "slackbot": "slackbot",
                     "discordbot": "discordbot", "telegrambot": "telegrambot", "whatsapp": "whatsapp"},
}
ORDER = (*(one for one in BOTS if one != "miscellaneous"), "miscellaneous")
AUTOMATED = regex.compile(r"headlesschrome|phantomjs|slimerjs|selenium|puppeteer|playwright|cypress|electron/", regex.IGNORECASE)
BROWSER = regex.compile(r"^mozilla/\d|^opera/\d|^lynx/|^w3m/|^links ", regex.IGNORECASE)


def rule_of(category: str) -> str:
    return "Category" + {"ai": "AI", "seo": "Seo"}.get(category, "".join(part.title() for part in category.split("_")))


def bot(text: str) -> tuple[str, str] | None:
    """(category, name) of who the User-Agent says it is."""
    low = text.lower()
    return next(((category, name) for category in ORDER for word, name in BOTS[category].items() if word in low), None)


def sense(asked: Any, how: dict[str, Any], world: Any, place: str) -> Sensed:
    text, labels, rules = agent(asked), token_labels(asked), set()
    said = bot(text)
    if said:
        category, name = said
        labels |= {"bot:unverified", f"bot:category:{category}", *([f"bot:name:{name}"] if name else [])}
        rules.add(rule_of(category))
    if AUTOMATED.search(text):
        labels.add("signal:automated_browser")
        rules.add("SignalAutomatedBrowser")
    elif not said and not BROWSER.search(text):
        labels.add("signal:non_browser_user_agent")
        rules.add("SignalNonBrowserUserAgent")
    if how.get("InspectionLevel") == "TARGETED":
        _targeted(asked, text, world, place, labels, rules)
    return Sensed(labels, rules)


def _targeted(asked: Any, text: str, world: Any, place: str, labels: set[str], rules: set[str]) -> None:
    from .token import fingerprint
    if not has_token(asked):
        rules.add("TGT_TokenAbsent")
        if world.count(f"{place}/absent", asked.address, FIVE_MINUTES) >= WITHOUT_TOKEN:
            labels.add("targeted:aggregate:volumetric:ip:token_absent")
            rules.add("TGT_VolumetricIpTokenAbsent")
        return
    if asked.token.driven or AUTOMATED.search(text):
        labels.add("targeted:signal:automated_browser")
        rules.add("TGT_SignalAutomatedBrowser")
    if asked.token.agent != fingerprint(text):
        labels.add("targeted:signal:browser_inconsistency")
        rules.add("TGT_SignalBrowserInconsistency")


def _rules() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    kinds = [(rule_of(one), "Block", (f"bot:category:{one}",)) for one in sorted(BOTS)]
    signals = [("SignalAutomatedBrowser", "Block", ("signal:automated_browser",)), ("SignalKnownBotDataCenter", "Block", ("signal:known_bot_data_center",)),
               ("SignalNonBrowserUserAgent", "Block", ("signal:non_browser_user_agent",))]
    aimed = [("TGT_VolumetricIpTokenAbsent", "Challenge", ("targeted:aggregate:volumetric:ip:token_absent",)), ("TGT_TokenAbsent", "Count", ()),
             ("TGT_VolumetricSession", "Captcha", ("targeted:aggregate:volumetric:session:high",)), ("TGT_VolumetricSessionMaximum", "Block", ("targeted:aggregate:volumetric:session:maximum",)),
             ("TGT_SignalAutomatedBrowser", "Captcha", ("targeted:signal:automated_browser",)),
             ("TGT_SignalBrowserAutomationExtension", "Captcha", ("targeted:signal:browser_automation_extension",)),
             ("TGT_SignalBrowserInconsistency", "Captcha", ("targeted:signal:browser_inconsistency",))]
    models = [(f"TGT_ML_CoordinatedActivity{word}", action, (f"targeted:aggregate:coordinated_activity:{word.lower()}",)) for word, action in (("Low", "Count"), ("Medium", "Count"), ("High", "Count"))]
    reuse = [(f"TGT_TokenReuse{what}{word}", "Count", (f"targeted:aggregate:volumetric:session:token_reuse:{what.lower()}:{word.lower()}",))
             for what in ("Ip", "Country", "Asn") for word in ("Low", "Medium", "High")]
    return (*kinds, *signals, *aimed, *models, *reuse)


GROUP = Group("bot-control", "Provides protection against automated bots that can consume excess resources, skew business metrics, cause downtime, or perform malicious activities. "
              "Bot Control provides additional visibility through Amazon CloudWatch and generates labels that you can use to control bot traffic to your applications.", "", _rules(),
              ("bot:verified", "bot:unverified", *sorted({f"bot:name:{name}" for names in BOTS.values() for name in names.values() if name})), sense)
