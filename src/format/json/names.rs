//! The JSON formats that have a name, and the keys of each.
//!
//! Of two keys for one field, that of the lower rank is used. What is in no list here is never looked at:
//! users, cookies' values, request ids, TLS, addresses of upstream servers.
//!
//! Sources: the documentation of Apache's `mod_log_config`, nginx's `ngx_http_log_module`, Caddy ("How Logging
//! Works"), Traefik ("Access Logs"), Envoy ("Access logging") with the defaults of Istio and Envoy
//! Gateway, Google Cloud (`LogEntry`, `HttpRequest`), Cloudflare ("HTTP requests" of Logpush), Amazon
//! CloudFront ("Standard logging (v2)"), and what people call their keys in the examples they publish.

use std::sync::LazyLock;

use super::{
    super::{Grammar, Named},
    Keys, Kind, Name, Shape,
};
use crate::field::{DurationUnit, Escaping, Field};

pub(in crate::format) static FORMATS: [Named; 8] = [
    Named {
        name: "nginx-json",
        example: concat!(
            r#"{"time_iso8601":"2026-11-22T14:05:37+00:00","remote_addr":"192.0.2.7","#,
            r#""request":"GET /index.html HTTP/1.1","status":200,"body_bytes_sent":5120,"#,
            r#""http_referer":"https://example.com/","http_user_agent":"curl/8.5.0","host":"example.com"}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&NGINX),
    },
    Named {
        name: "apache-json",
        example: concat!(
            r#"{"time":"[22/Nov/2026:14:05:37 +0000]","remoteIP":"192.0.2.7","host":"example.com","#,
            r#""request":"/index.html","query":"","method":"GET","status":"200","#,
            r#""userAgent":"curl/8.5.0","referer":"-"}"#
        ),
        same_as: Some("nginx-json"),
        grammar: || Grammar::Json(&NGINX),
    },
    Named {
        name: "caddy",
        example: concat!(
            r#"{"level":"info","ts":1795356337.123,"logger":"http.log.access","msg":"handled request","#,
            r#""request":{"remote_ip":"192.0.2.7","remote_port":"54321","client_ip":"192.0.2.7","#,
            r#""proto":"HTTP/2.0","method":"GET","host":"example.com","uri":"/index.html","#,
            r#""headers":{"User-Agent":["curl/8.5.0"]}},"bytes_read":0,"user_id":"","#,
            r#""duration":0.001,"size":5120,"status":200,"resp_headers":{"Server":["Caddy"]}}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&CADDY),
    },
    Named {
        name: "traefik-json",
        example: concat!(
            r#"{"ClientAddr":"192.0.2.7:54321","ClientHost":"192.0.2.7","ClientPort":"54321","#,
            r#""ClientUsername":"-","DownstreamContentSize":5120,"DownstreamStatus":200,"#,
            r#""Duration":1500000,"RequestHost":"example.com","RequestMethod":"GET","#,
            r#""RequestPath":"/index.html","RequestProtocol":"HTTP/1.1","#,
            r#""StartUTC":"2026-11-22T14:05:37.123456789Z","request_User-Agent":"curl/8.5.0","#,
            r#""level":"info","msg":"","time":"2026-11-22T14:05:37Z"}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&TRAEFIK),
    },
    Named {
        name: "gcp-lb",
        example: concat!(
            r#"{"httpRequest":{"requestMethod":"GET","requestUrl":"https://example.com/index.html","#,
            r#""requestSize":"120","status":200,"responseSize":"5120","userAgent":"curl/8.5.0","#,
            r#""remoteIp":"192.0.2.7","referer":"https://example.com/","latency":"0.001s"},"#,
            r#""resource":{"type":"http_load_balancer"},"timestamp":"2026-11-22T14:05:37.123Z"}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&GOOGLE),
    },
    Named {
        name: "cloudflare",
        example: concat!(
            r#"{"ClientIP":"192.0.2.7","ClientRequestHost":"example.com","#,
            r#""ClientRequestMethod":"GET","ClientRequestURI":"/index.html","#,
            r#""ClientRequestProtocol":"HTTP/2","ClientRequestReferer":"","#,
            r#""ClientRequestUserAgent":"curl/8.5.0","EdgeResponseBytes":5120,"#,
            r#""EdgeResponseStatus":200,"EdgeStartTimestamp":1795356337123000000}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&CLOUDFLARE),
    },
    Named {
        name: "envoy-json",
        example: concat!(
            r#"{":authority":"example.com","bytes_received":0,"bytes_sent":5120,"#,
            r#""downstream_remote_address":"192.0.2.7:54321","duration":2,"method":"GET","#,
            r#""path":"/index.html","protocol":"HTTP/2","response_code":200,"#,
            r#""start_time":"2026-11-22T14:05:37.123Z","user-agent":"curl/8.5.0","#,
            r#""x-forwarded-for":null}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&ENVOY),
    },
    Named {
        name: "cloudfront-json",
        example: concat!(
            r#"{"date":"2026-11-22","time":"14:05:37","sc-bytes":"5120","c-ip":"192.0.2.7","#,
            r#""cs-method":"GET","cs(Host)":"d111111abcdef8.cloudfront.net","#,
            r#""cs-uri-stem":"/index.html","sc-status":"200","cs(Referer)":"-","#,
            r#""cs(User-Agent)":"Mozilla/5.0%20(X11;%20Linux%20x86_64)","cs-uri-query":"-","#,
            r#""x-host-header":"example.com","time-taken":"0.001","cs-protocol-version":"HTTP/2.0"}"#
        ),
        same_as: None,
        grammar: || Grammar::Json(&CLOUDFRONT),
    },
];

static NGINX: LazyLock<Keys> = LazyLock::new(|| Keys::new(NGINX_NAMES, Escaping::Json));
static CADDY: LazyLock<Keys> =
    LazyLock::new(|| Keys::new(CADDY_NAMES, Escaping::Json).with_all_headers());
static TRAEFIK: LazyLock<Keys> = LazyLock::new(|| Keys::new(TRAEFIK_NAMES, Escaping::Json));
static GOOGLE: LazyLock<Keys> = LazyLock::new(|| Keys::new(GOOGLE_NAMES, Escaping::Json));
static CLOUDFLARE: LazyLock<Keys> = LazyLock::new(|| Keys::new(CLOUDFLARE_NAMES, Escaping::Json));
static ENVOY: LazyLock<Keys> = LazyLock::new(|| Keys::new(ENVOY_NAMES, Escaping::Json));
static CLOUDFRONT: LazyLock<Keys> =
    LazyLock::new(|| Keys::new(CLOUDFRONT_NAMES, Escaping::Percent));

/// A string or a number.
const fn of(field: Field, rank: u8) -> Shape {
    Shape::of(field, rank)
}

/// A string or a number; shippers have objects of the same name.
const fn loose(field: Field, rank: u8) -> Shape {
    Shape::kind(field, rank, Kind::Loose)
}

const fn first(field: Field) -> Shape {
    Shape::kind(field, 0, Kind::First)
}

const fn all(field: Field, rank: u8) -> Shape {
    Shape::kind(field, rank, Kind::All)
}

/// What people call the variables of nginx and the directives of Apache.
const NGINX_NAMES: &[Name] = &[
    ("time_iso8601", of(Field::Time, 0)),
    ("@timestamp", of(Field::Time, 1)),
    ("time", of(Field::Time, 2)),
    ("timestamp", of(Field::Time, 3)),
    ("time_local", of(Field::Time, 4)),
    ("date", of(Field::Time, 5)),
    ("msec", of(Field::Time, 6)),
    ("ts", of(Field::Time, 7)),
    ("remote_addr", of(Field::Client, 0)),
    ("client_ip", of(Field::Client, 1)),
    ("clientip", of(Field::Client, 2)),
    ("ip", of(Field::Client, 3)),
    ("client", loose(Field::Client, 4)),
    ("remote_ip", of(Field::Client, 5)),
    ("remoteIP", of(Field::Client, 6)),
    ("clientIp", of(Field::Client, 7)),
    ("remoteAddr", of(Field::Client, 8)),
    ("remote_host", of(Field::Client, 9)),
    ("remoteHost", of(Field::Client, 10)),
    ("request", Shape::kind(Field::Request, 2, Kind::Request)),
    ("request_line", of(Field::Request, 3)),
    ("request_method", of(Field::Method, 0)),
    ("method", of(Field::Method, 1)),
    ("verb", of(Field::Method, 2)),
    ("requestMethod", of(Field::Method, 3)),
    ("request_uri", of(Field::Target, 0)),
    ("uri", of(Field::Target, 1)),
    ("path", of(Field::Target, 3)),
    ("url", loose(Field::Target, 4)),
    ("request_path", of(Field::Target, 5)),
    ("requestURI", of(Field::Target, 6)),
    ("args", of(Field::Query, 0)),
    ("query", of(Field::Query, 1)),
    ("query_string", of(Field::Query, 2)),
    ("server_protocol", of(Field::Protocol, 0)),
    ("protocol", of(Field::Protocol, 1)),
    ("proto", of(Field::Protocol, 2)),
    ("http_version", of(Field::Protocol, 3)),
    ("status", of(Field::Status, 0)),
    ("response", of(Field::Status, 1)),
    ("status_code", of(Field::Status, 2)),
    ("response_status", of(Field::Status, 3)),
    ("statusCode", of(Field::Status, 4)),
    ("body_bytes_sent", of(Field::Bytes, 0)),
    ("bytes_sent", of(Field::Bytes, 1)),
    ("bytes", of(Field::Bytes, 2)),
    ("size", of(Field::Bytes, 3)),
    ("length", of(Field::Bytes, 4)),
    ("response_size", of(Field::Bytes, 5)),
    ("bytesSent", of(Field::Bytes, 6)),
    ("http_referer", of(Field::Referrer, 0)),
    ("referer", of(Field::Referrer, 1)),
    ("referrer", of(Field::Referrer, 2)),
    ("http_referrer", of(Field::Referrer, 3)),
    ("http_user_agent", of(Field::Agent, 0)),
    ("user_agent", loose(Field::Agent, 1)),
    ("agent", loose(Field::Agent, 2)),
    ("ua", of(Field::Agent, 3)),
    ("useragent", of(Field::Agent, 4)),
    ("userAgent", of(Field::Agent, 5)),
    ("host", loose(Field::Site, 0)),
    ("http_host", of(Field::Site, 1)),
    ("server_name", of(Field::Site, 2)),
    ("vhost", of(Field::Site, 3)),
    ("domain", of(Field::Site, 4)),
    ("site", of(Field::Site, 5)),
    ("virtualHost", of(Field::Site, 6)),
    ("request_time", of(Field::Duration, 0)),
    ("duration", of(Field::Duration, 1)),
    ("response_time", of(Field::Duration, 2)),
    ("generation_time", of(Field::Duration, 3)),
    ("http_x_forwarded_for", of(Field::Forwarded, 0)),
    ("x_forwarded_for", of(Field::Forwarded, 1)),
    ("xff", of(Field::Forwarded, 2)),
    ("forwarded_for", of(Field::Forwarded, 3)),
    ("http_accept_language", of(Field::Language, 0)),
    ("http_dnt", of(Field::Dnt, 0)),
    ("http_sec_gpc", of(Field::Gpc, 0)),
    ("http_cookie", of(Field::Cookie, 0)),
];

const CADDY_NAMES: &[Name] = &[
    ("ts", of(Field::Time, 0)),
    ("request", Shape::Object(CADDY_REQUEST)),
    ("status", of(Field::Status, 0)),
    ("size", of(Field::Bytes, 0)),
    ("duration", of(Field::Duration, 0)),
];

const CADDY_REQUEST: &[Name] = &[
    ("client_ip", of(Field::Client, 0)),
    ("remote_ip", of(Field::Client, 1)),
    ("remote_addr", of(Field::Client, 2)),
    ("proto", of(Field::Protocol, 0)),
    ("method", of(Field::Method, 0)),
    ("host", of(Field::Site, 0)),
    ("uri", of(Field::Target, 0)),
    ("headers", Shape::Headers(HEADERS)),
];

const HEADERS: &[Name] = &[
    ("User-Agent", first(Field::Agent)),
    ("Referer", first(Field::Referrer)),
    ("Accept-Language", first(Field::Language)),
    ("DNT", first(Field::Dnt)),
    ("Sec-GPC", first(Field::Gpc)),
    ("Cookie", all(Field::Cookie, 0)),
    ("X-Forwarded-For", all(Field::Forwarded, 0)),
    ("Forwarded", all(Field::Forwarded, 1)),
];

const TRAEFIK_NAMES: &[Name] = &[
    ("StartUTC", of(Field::Time, 0)),
    ("time", of(Field::Time, 1)),
    ("StartLocal", of(Field::Time, 2)),
    ("ClientAddr", of(Field::Client, 0)),
    // The whole X-Forwarded-For of a request that has one (`pkg/middlewares/accesslog/logger.go`).
    ("ClientHost", of(Field::Forwarded, 0)),
    ("RequestMethod", of(Field::Method, 0)),
    ("RequestPath", of(Field::Target, 0)),
    ("RequestProtocol", of(Field::Protocol, 0)),
    ("RequestHost", of(Field::Site, 0)),
    ("RequestAddr", of(Field::Site, 1)),
    ("DownstreamStatus", of(Field::Status, 0)),
    ("OriginStatus", of(Field::Status, 1)),
    ("DownstreamContentSize", of(Field::Bytes, 0)),
    ("OriginContentSize", of(Field::Bytes, 1)),
    ("Duration", Shape::duration(DurationUnit::Nanoseconds, 0)),
    ("request_User-Agent", of(Field::Agent, 0)),
    ("request_Referer", of(Field::Referrer, 0)),
    ("request_X-Forwarded-For", of(Field::Forwarded, 1)),
    ("request_Accept-Language", of(Field::Language, 0)),
    ("request_Dnt", of(Field::Dnt, 0)),
    ("request_Sec-Gpc", of(Field::Gpc, 0)),
    ("request_Cookie", of(Field::Cookie, 0)),
];

const GOOGLE_NAMES: &[Name] =
    &[("timestamp", of(Field::Time, 0)), ("httpRequest", Shape::Object(GOOGLE_REQUEST))];

/// The latency is a string with an `s` at its end, which is no number of any unit.
const GOOGLE_REQUEST: &[Name] = &[
    ("requestMethod", of(Field::Method, 0)),
    ("requestUrl", of(Field::Target, 0)),
    ("status", of(Field::Status, 0)),
    ("responseSize", of(Field::Bytes, 0)),
    ("userAgent", of(Field::Agent, 0)),
    ("remoteIp", of(Field::Client, 0)),
    ("referer", of(Field::Referrer, 0)),
    ("protocol", of(Field::Protocol, 0)),
];

const CLOUDFLARE_NAMES: &[Name] = &[
    ("EdgeStartTimestamp", of(Field::Time, 0)),
    ("ClientIP", of(Field::Client, 0)),
    ("ClientRequestHost", of(Field::Site, 0)),
    ("ClientRequestMethod", of(Field::Method, 0)),
    ("ClientRequestURI", of(Field::Target, 0)),
    ("ClientRequestPath", of(Field::Target, 1)),
    ("ClientRequestProtocol", of(Field::Protocol, 0)),
    ("ClientRequestReferer", of(Field::Referrer, 0)),
    ("ClientRequestUserAgent", of(Field::Agent, 0)),
    ("EdgeResponseStatus", of(Field::Status, 0)),
    ("EdgeResponseBytes", of(Field::Bytes, 0)),
    ("RequestHeaders", Shape::Headers(HEADERS)),
];

const ENVOY_NAMES: &[Name] = &[
    ("start_time", of(Field::Time, 0)),
    ("downstream_remote_address", of(Field::Client, 0)),
    ("downstream_remote_address_without_port", of(Field::Client, 1)),
    ("downstream_direct_remote_address", of(Field::Client, 2)),
    (":method", of(Field::Method, 0)),
    ("method", of(Field::Method, 1)),
    (":path", of(Field::Target, 1)),
    ("path", of(Field::Target, 0)),
    ("x-envoy-original-path", of(Field::Target, 2)),
    ("x-envoy-origin-path", of(Field::Target, 3)),
    ("protocol", of(Field::Protocol, 0)),
    (":authority", of(Field::Site, 0)),
    ("authority", of(Field::Site, 1)),
    ("requested_server_name", of(Field::Site, 2)),
    ("response_code", of(Field::Status, 0)),
    ("bytes_sent", of(Field::Bytes, 0)),
    ("duration", Shape::duration(DurationUnit::Milliseconds, 0)),
    ("user_agent", of(Field::Agent, 0)),
    ("user-agent", of(Field::Agent, 1)),
    ("referer", of(Field::Referrer, 0)),
    ("x_forwarded_for", of(Field::Forwarded, 0)),
    ("x-forwarded-for", of(Field::Forwarded, 1)),
];

/// Values are percent-encoded before they are put into JSON. The one time of the first rank is that of a
/// date; Unix times of the new version stand for both.
const CLOUDFRONT_NAMES: &[Name] = &[
    ("date", of(Field::Date, 0)),
    ("time", of(Field::Time, 0)),
    ("timestamp", of(Field::Time, 1)),
    ("timestamp(ms)", of(Field::Time, 2)),
    ("c-ip", of(Field::Client, 0)),
    ("x-forwarded-for", of(Field::Forwarded, 0)),
    ("cs-method", of(Field::Method, 0)),
    ("cs-uri-stem", of(Field::Target, 0)),
    ("cs-uri-query", of(Field::Query, 0)),
    ("cs-protocol-version", of(Field::Protocol, 0)),
    ("x-host-header", of(Field::Site, 0)),
    ("cs(Host)", of(Field::Site, 1)),
    ("sc-status", of(Field::Status, 0)),
    ("sc-bytes", of(Field::Bytes, 0)),
    ("time-taken", of(Field::Duration, 0)),
    ("cs(Referer)", of(Field::Referrer, 0)),
    ("cs(User-Agent)", of(Field::Agent, 0)),
    ("cs(Cookie)", of(Field::Cookie, 0)),
];
