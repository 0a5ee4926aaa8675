//! What is known of the peers: what their names mean, which server's string a case was written by, which cases
//! are of no format that is read, and where a peer is wrong. All of it is lists.

/// How many cases agree, how many the peer is wrong in, and how many are out of scope.
pub(crate) const TOTALS: [usize; 3] = [329, 74, 93];

/// A field of ours that a peer's name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Client,
    Time,
    Method,
    /// The target with its query, with or without the host before it.
    Target,
    Path,
    Query,
    Version,
    /// The whole request line.
    Request,
    Status,
    Bytes,
    Referrer,
    Agent,
    Forwarded,
    Site,
    Level,
    Module,
}

/// What a server was told to write.
pub(crate) enum Written {
    Nginx(&'static str),
    Apache(&'static str),
}

use What::*;

/// Names that hold for any peer which has them.
const NAMES: &[(&[&str], What)] = &[
    (&["remote_addr", "clientip", "client_ip", "client_address", "c_ip", "src_ip", "ip"], Client),
    (&["client", "meta.source_ip", "remote_ip", "remote_host", "remote_address"], Client),
    (
        &["timestamp", "time_local", "accept_date", "time", "request_time", "begin_request_time"],
        Time,
    ),
    (&["end_request_time", "original_end_request_time", "final_request_time", "date"], Time),
    (&["original_request_time"], Time),
    (&["method", "verb", "http_verb", "http_method", "cs_method", "request_method"], Method),
    (&["meta.http_verb"], Method),
    (&["meta.http_path", "request", "http_request", "url", "full_path"], Target),
    (&["path", "cs_uri_stem", "request_uri"], Path),
    (&["query_string", "cs_uri_query", "request_query"], Query),
    (&["protocol", "http_version", "httpversion", "cs_protocol_version"], Version),
    (&["rawrequest", "request_line"], Request),
    (&["status", "response", "http_status_code", "status_code", "elb_status_code"], Status),
    (&["sc_status", "meta.http_status", "final_status"], Status),
    (&["size", "bytes", "body_bytes_size", "body_bytes_sent", "sent_bytes", "bytes_read"], Bytes),
    (&["sc_bytes", "length", "bytes_sent", "bytes_out"], Bytes),
    (&["referer", "referrer", "http_referer", "cs_referer", "headers_in.Referer"], Referrer),
    (&["agent", "user_agent", "http_user_agent", "cs_user_agent"], Agent),
    (&["original", "meta.http_user_agent", "headers_in.User-Agent"], Agent),
    (&["http_x_forwarded_for", "x_forwarded_for"], Forwarded),
    (&["target_fqdn", "virtual_host", "x_host_header"], Site),
    (&["severity", "loglevel"], Level),
    (&["module"], Module),
];

/// Where a name means another thing with one peer, or nothing that is read.
const OTHERWISE: &[(&str, &[&str], Option<What>)] = &[
    // VRL's are whole request lines.
    ("parse_nginx_log.rs", &["request"], Some(Request)),
    // How long a request took, the host that it named, and all bytes with those of the headers.
    ("parse_nginx_log.rs", &["request_time", "host"], None),
    ("nginx_http-catch-npm", &["request_time", "bytes_sent"], None),
    ("npmplus-logs", &["request_time", "bytes_sent"], None),
    // The scheme of the URL, and its host.
    ("aws-alb-logs", &["protocol", "host", "domain_name"], None),
    // The time of day alone.
    ("aws-cloudfront-logs", &["time"], None),
    // Paths with the query.
    ("bunkerweb", &["path"], Some(Target)),
    ("parse_apache_log.rs", &["path"], Some(Target)),
    ("parse_common_log.rs", &["path"], Some(Target)),
    // Where a host is the visitor's.
    ("parse_apache_log.rs", &["host"], Some(Client)),
    ("parse_common_log.rs", &["host"], Some(Client)),
    // The client stands in the message, of which nothing but its class is told.
    ("nginx-mail-logs", &["remote_addr", "meta.source_ip"], None),
];

/// Names of what is not read: other columns, and what a peer makes of a line.
const UNREAD: &[&str] = &[
    "_error",
    "_message",
    "_matches_format",
    "_test",
    "section",
    "rule",
    "alert",
    "decoder",
    "level",
    "identity",
    "user",
    "message",
    "message1",
    "message2",
    "pid",
    "tid",
    "thread",
    "port",
    "cid",
    "server",
    "compression",
    "request_length",
    "proxy_upstream_name",
    "proxy_alternative_upstream_name",
    "upstream_addr",
    "upstream_response_length",
    "upstream_response_time",
    "upstream_status",
    "req_id",
    "remote_user",
    "upstream",
    "excess",
    "zone",
    "host",
    "auth",
    "ident",
    "meta.log_type",
    "meta.service",
    "meta.sub_type",
    "meta.target_user",
    "meta.http_host",
    "meta.http_port",
    "clientport",
    "client_port",
    "errorcode",
    "target_uri",
    "username",
    "proxy_errorcode",
    "proxy_errormessage",
    "proxy_message",
    "actions_executed",
    "chosen_cert_arn",
    "classification",
    "classification_reason",
    "elb",
    "error_reason",
    "matched_rule_priority",
    "received_bytes",
    "redirect_url",
    "remote_port",
    "request_creation_time",
    "request_processing_time",
    "response_processing_time",
    "ssl_cipher",
    "ssl_protocol",
    "target_addr",
    "target_group_arn",
    "target_list",
    "target_port",
    "target_processing_time",
    "target_status_code",
    "target_status_code_list",
    "trace_id",
    "type",
    "conn_trace_id",
    "request_transform_status",
    "transformed_host",
    "transformed_uri",
    "c_port",
    "cs_bytes",
    "cs_cookie",
    "cs_host",
    "cs_protocol",
    "day",
    "month",
    "year",
    "fle_encrypted_fields",
    "fle_status",
    "sc_content_len",
    "sc_content_type",
    "sc_range_start",
    "time_taken",
    "time_to_first_byte",
    "x_edge_detailed_result_type",
    "x_edge_location",
    "x_edge_request_id",
    "x_edge_response_result_type",
    "x_edge_result_type",
    "app_instance",
    "appname",
    "request_id",
    "cri_timestamp",
    "logtag",
    "raw_remote_addr",
    "stream",
    "bytes_received",
    "duration",
    "response_flags",
    "upstream_host",
    "upstream_service_time",
    "actconn",
    "backend_name",
    "backend_queue",
    "beconn",
    "captured_request_cookie",
    "captured_response_cookie",
    "feconn",
    "frontend_name",
    "haproxy_hour",
    "haproxy_milliseconds",
    "haproxy_minute",
    "haproxy_month",
    "haproxy_monthday",
    "haproxy_second",
    "haproxy_time",
    "haproxy_year",
    "retries",
    "server_name",
    "srv_queue",
    "srvconn",
    "termination_state",
    "time_backend_connect",
    "time_backend_response",
    "time_duration",
    "time_queue",
    "time_request",
    "gzip_ratio",
    "scheme",
    "target_server",
    "upstream_cache_status",
    "syslog_priority",
    "syslog_version",
    "timestamp8601",
    "number_of_requests_received_since_traefik_started",
    "request_duration_in_ms",
    "traefik_router_name",
    "traefik_router_name_root",
    "traefik_server_url",
    "traefik_router_leaf",
    "traefik_router_intermediate",
    "dest_addr",
    "request_addr",
    "service_addr",
    "syslog_timestamp",
    "syslog_server",
    "program",
    "http_host",
    "cipher",
    "cache_result",
    "hierarchy_code",
    "content_type",
    "remote_logname",
    "dest_ip",
    "dest_port",
    "local_address",
    "server_port",
    "request_file",
    "handler",
    "original_status",
    "request_duration_seconds",
    "request_duration_milliseconds",
    "userid",
    "is_error",
    "extension",
    "is_download",
    "generation_time_milli",
    "filename",
    "is_redirect",
    "lineno",
    "is_robot",
    "original_headers_in.Referer",
    "final_headers_in.Referer",
    "original_request_duration_seconds",
    "final_request_duration_seconds",
];

/// What a peer's name stands for; nothing if it is not read, an error if nobody said.
pub(crate) fn what(source: &str, name: &str) -> Result<Option<What>, ()> {
    let fits = |part: &str, names: &[&str]| source.contains(part) && names.contains(&name);
    if let Some((_, _, what)) = OTHERWISE.iter().find(|(part, names, _)| fits(part, names)) {
        return Ok(*what);
    }
    if let Some((_, what)) = NAMES.iter().find(|(names, _)| names.contains(&name)) {
        return Ok(Some(*what));
    }
    let is_of_apachelogs = name.starts_with("directives.") || name.contains("_time_fields");
    if UNREAD.contains(&name) || is_of_apachelogs { Ok(None) } else { Err(()) }
}

/// The proxies before the servers of these cases, where a format logs the list and no client.
pub(crate) const PROXIES: [&str; 2] = ["10.42.0.1/32", "fd00:1234:5678::1/128"];

/// The proxies before them where the format logs the list and who connected.
pub(crate) const CONNECTING: [&str; 1] = ["172.71.122.85/32"];

/// The combined format with the site before it.
const SITE_FIRST: &str = concat!(
    r#"$host $remote_addr - $remote_user [$time_local] "$request" $status "#,
    r#"$body_bytes_sent "$http_referer" "$http_user_agent""#
);

/// What the servers of a source were told to write. Detection is asked after these.
const STRINGS: &[(&str, &[Written])] = &[
    (
        "nginx-proxy-manager-logs",
        &[
            // docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf of Nginx Proxy Manager.
            Written::Nginx(concat!(
                r#"[$time_local] $upstream_cache_status $upstream_status $status - "#,
                r#"$request_method $scheme $host "$request_uri" [Client $remote_addr] [Length "#,
                r#"$body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "#,
                r#""$http_referer""#
            )),
            Written::Nginx(concat!(
                r#"[$time_local] $status - $request_method $scheme $host "$request_uri" "#,
                r#"[Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "#,
                r#""$http_user_agent" "$http_referer""#
            )),
        ],
    ),
    (
        "nginx_http-catch-npm",
        &[
            Written::Nginx(concat!(
                r#"[$time_local] $host $remote_addr $request_time "$request" $status "#,
                r#"$body_bytes_sent $bytes_sent $http_referer $http_user_agent"#
            )),
            // Mixtures of the two formats of Nginx Proxy Manager.
            Written::Nginx(concat!(
                r#"[$time_local] $status - $request_method $scheme $host "$request_uri" "#,
                r#"[Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to "#,
                r#"$server] "$http_user_agent" "$http_referer""#
            )),
            Written::Nginx(concat!(
                r#"[$time_local] $upstream_cache_status $upstream_status $status - "#,
                r#"$request_method $scheme $host "$request_uri" [Client $remote_addr] [Length "#,
                r#"$body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer""#
            )),
        ],
    ),
    (
        "npmplus-logs",
        &[Written::Nginx(concat!(
            r#"[$time_local] $host $remote_addr $request_time "$request" $status "#,
            r#"$body_bytes_sent $bytes_sent $http_referer $http_user_agent"#
        ))],
    ),
    (
        "bunkerweb",
        &[Written::Nginx(concat!(
            r#"$host $remote_addr - $request_id $remote_user [$time_local] "$request" "#,
            r#"$status $body_bytes_sent "$http_referer" "$http_user_agent""#
        ))],
    ),
    (
        "nginx_http-logs",
        &[
            Written::Nginx(SITE_FIRST),
            // A user that is left out, which nginx by itself does not do.
            Written::Nginx(concat!(
                r#"$remote_addr - [$time_local] "$request" $status $body_bytes_sent "#,
                r#""$http_referer" "$http_user_agent""#
            )),
        ],
    ),
    (
        "spring4shell",
        &[Written::Nginx(concat!(
            r#"$host $remote_addr - $remote_user [$time_local] "$request" $status "#,
            r#"$body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#
        ))],
    ),
    (
        "test_gandi_parsing",
        &[Written::Apache(r#"%v %h %l %u %t (%T s) "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#)],
    ),
    (
        "test_ovh_parsing",
        &[Written::Apache(r#"%h %v %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#)],
    ),
    (
        "access_log.json",
        &[
            Written::Apache(r#"%h %l  %u  %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"  %D"#),
            // What the http.server of Python writes.
            Written::Apache(r#"%h %l %u [%{%d/%b/%Y %H:%M:%S}t] "%r" %>s %b"#),
        ],
    ),
];

/// Headers of columns that cases lack and the servers write: those of CloudFront's standard logs, of IIS 6, and
/// of IIS 7 before and after it logged referrers.
const HEADERS: &[(&[usize], &str)] = &[
    (
        &[88, 89],
        "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
         cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol \
         cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type \
         cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte \
         x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n",
    ),
    (
        &[488],
        "#Fields: date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port \
         cs-username c-ip cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus \
         sc-win32-status sc-bytes cs-bytes time-taken\n",
    ),
    (
        &[490],
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) \
         sc-status sc-substatus sc-win32-status time-taken\n",
    ),
    (
        &[491, 492],
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) \
         cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n",
    ),
];

/// The header that a case lacks, if it lacks one.
pub(crate) fn header(number: usize) -> &'static str {
    let found = HEADERS.iter().find(|(numbers, _)| numbers.contains(&number));
    found.map_or("", |(_, header)| *header)
}

/// The strings of a source.
pub(crate) fn strings(source: &str) -> impl Iterator<Item = &'static Written> {
    let of = STRINGS.iter().filter(move |(part, _)| source.contains(part));
    of.flat_map(|(_, strings)| strings.iter())
}

/// The format that a peer's name stands for.
pub(crate) fn name(format: &str) -> Option<&'static str> {
    Some(match format {
        "apache_log:common" | "common_log" => "common",
        "apache_log:combined" | "nginx_log:combined" => "combined",
        "nginx_log:main" => "nginx-main",
        "apache_log:error" => "apache-error",
        "nginx_log:error" => "nginx-error",
        _ => return None,
    })
}

/// The formats that a line must be detected as, where the peer says of which kind it is and nothing else.
pub(crate) fn kinds(source: &str, format: &str) -> Option<&'static [&'static str]> {
    Some(match format {
        _ if source.contains("httpd_spec.rb") => match format {
            "HTTPD_ERRORLOG" => &["apache-error"],
            _ => &["common", "combined"],
        },
        // The last is that of a string above.
        "access_log" | "ossec:web-accesslog" | "ossec:openbsd-httpd" => &[
            "common",
            "combined",
            "vhost-common",
            "vhost-combined-bare",
            "icecast",
            "apache-format",
        ],
        "ossec:web-accesslog-iis6" | "ossec:web-accesslog-iis-default" => &["iis"],
        "crowdsecurity/aws-cloudfront" => &["cloudfront"],
        "alb_log" | "aws_alb_log" | "crowdsecurity/aws-alb" => &["aws-alb"],
        "elb_log" | "ELB_ACCESS_LOG" => &["aws-elb"],
        "haproxy_log" | "HAPROXYHTTP" | "HAPROXYHTTPBASE" => &["haproxy-http"],
        "s3_log" => &["aws-s3"],
        "uwsgi_log" => &["uwsgi"],
        "SQUID3" => &["squid"],
        "ossec:apache-errorlog" | "apache_log:error" => &["apache-error"],
        "ossec:nginx-errorlog" | "nginx_log:error" => &["nginx-error"],
        "nginx_log:ingress_upstreaminfo" => &["ingress-nginx"],
        "nginx_log:main" => &["nginx-main"],
        _ => return None,
    })
}

const NO_TIME: &str =
    "a line without a time or a request, which none of our records could be made of";
const PART: &str = "the message alone: the case lacks the line that it was taken from";
const APPLICATION: &str = "the log of an application";
const DAEMON: &str = "what HAProxy says of itself or of a connection, without a request";

/// Cases of no format that is read, by source and by what the line has.
const OUT: &[(&str, &str, &str)] = &[
    ("apache-guacamole-logs", "", APPLICATION),
    ("caddy-coraza", "http.handlers.waf", APPLICATION),
    ("zoraxy", "", "Zoraxy's own log, which has no protocol and which nobody else writes"),
    ("tcpudp-flood-traefik", "", "a debug message of Traefik"),
    ("litespeed-logs", "[INFO]", "LiteSpeed's own log"),
    ("haproxy", "SSL handshake", DAEMON),
    ("haproxy_log.json", "Proxy prod_http_in", DAEMON),
    ("haproxy_log.json", "Stopping frontend", DAEMON),
    ("haproxy_log.json", "prod_ssh_in", "the TCP log of HAProxy: no request"),
    ("haproxy_spec.rb", "main app/<NOSRV>", "the TCP log of HAProxy: no request"),
    (
        "access_log.json",
        "2013-02-11T06:43:36",
        "a format of somebody's own, whose string is not known",
    ),
    ("ossec-testing/tests/apache.ini", "[error] [client 80", NO_TIME),
    ("parse_apache_log.rs", "- - - - - - -", NO_TIME),
    ("parse_apache_log.rs", "[2021/06/03", NO_TIME),
    ("parse_common_log.rs", "- - -", NO_TIME),
];

/// The same by number, where a rule would be longer than the list.
const OUT_NUMBERS: &[(&[usize], &str)] = &[
    (&[64, 65, 222, 223, 226, 227, 231, 255, 256, 257, 258, 259, 260, 267], PART),
    (&[417, 418, 419, 420], NO_TIME),
    (&[375], "the month in another language than English"),
    (&[376], "the date as a week and its day, in another language"),
];

/// Why a case is of no format that is read, if it is.
pub(crate) fn out_of_scope(number: usize, source: &str, text: &str) -> Option<&'static str> {
    let by_number = OUT_NUMBERS.iter().find(|(numbers, _)| numbers.contains(&number));
    let rule = |(of, part, _): &&(&str, &str, &str)| source.contains(of) && text.contains(part);
    by_number.map(|(_, reason)| *reason).or_else(|| OUT.iter().find(rule).map(|rule| rule.2))
}

/// Cases in which the peer is wrong, or takes what no server writes.
const WRONG: &[(&[usize], &str)] = &[
    (&[3], "the combined format quotes referrer and agent, also when they are dashes"),
    (
        &[148, 149, 150, 151, 152, 153, 277, 298, 313, 317, 406, 407],
        "taken although nothing was answered: a record would count what did not happen",
    ),
    (&[300], "the case has what is expected of another line"),
    (&[307], "the line is cut off in its request, and what is missing nobody knows"),
    (&[377, 387, 388], "the case has what is expected of another file"),
    (&[378], "a line without a client is taken"),
    (&[385], "a line without a status is taken for 200"),
    (
        &[326, 328, 329],
        "a line without a time is taken, as one of another status has in such a log",
    ),
    (&[373], "the name of a zone is no offset; the peer asks the machine that it runs on"),
    (SHORT_PID, "nginx writes 80#2, not 80:2"),
    (UNCLOSED, "the quote of the agent is not closed, and the day has one digit"),
    (SHORT_DAY, "no server writes a day of one digit in this notation"),
];

const SHORT_PID: &[usize] = &[439, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449, 450];
const UNCLOSED: &[usize] = &[454, 455, 456];
const SHORT_DAY: &[usize] = &[
    457, 458, 459, 460, 461, 462, 463, 464, 465, 466, 467, 468, 469, 470, 471, 472, 473, 474, 475,
    476, 477, 478, 479, 480, 481, 482, 483, 484, 485, 486, 487, 489, 493, 494, 495,
];

/// Why the peer is wrong, if it is.
pub(crate) fn wrong(number: usize) -> Option<&'static str> {
    WRONG.iter().find(|(numbers, _)| numbers.contains(&number)).map(|(_, reason)| *reason)
}

/// Lines that were made up by hand, and what a server writes there instead.
const REPAIRS: &[(&[usize], &str, &str)] = &[
    (&[3], "84170 - -", "84170 \"-\" \"-\""),
    (SHORT_PID, "] 80:2 ", "] 80#2: "),
    (SHORT_DAY, "[1/Apr", "[01/Apr"),
    (UNCLOSED, "[1/Apr", "[01/Apr"),
    (UNCLOSED, "bot/1", "bot/1\""),
    (UNCLOSED, "Bot/1", "Bot/1\""),
];

/// The line as a server would have written it, if it is known.
pub(crate) fn repaired(number: usize, text: &str) -> Option<String> {
    let repairs = REPAIRS.iter().filter(|(numbers, ..)| numbers.contains(&number));
    let repaired = repairs.fold(text.to_owned(), |text, (_, from, to)| text.replace(from, to));
    (repaired != text).then_some(repaired)
}
