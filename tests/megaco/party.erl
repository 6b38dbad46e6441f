%% What a gateway and a controller have in common: arguments, OTP's megaco started with them,
%% names, and the socket by which a test tells them what to do.

-module(party).
-export([main/2, say/2, user/3, open/2, connect/3, call/2]).
-export([mid/1, written/1, term/3, value/2, said/1]).

-include_lib("megaco/include/megaco.hrl").
-include_lib("megaco/include/megaco_message_v2.hrl").

%% Starts `Module` with the program's arguments (name=value), then hands it each command that
%% arrives at the socket of its own, a datagram of words, or as a message to `party`.
main(Module, Words) ->
    Options = maps:from_list([list_to_tuple(string:split(Word, "=")) || Word <- Words]),
    register(party, self()),
    ok = megaco:start(),
    State = Module:start(Options),
    Path = maps:get("commands", Options),
    _ = file:delete(Path),
    {ok, _} = gen_udp:open(0, [local, {ifaddr, {local, Path}}, {active, true}]),
    say("ready", []),
    commands(Module, State).

commands(Module, State) ->
    receive
        {udp, _, _, _, Text} -> commands(Module, Module:command(string:lexemes(Text, " "), State));
        {command, Words} -> commands(Module, Module:command(Words, State))
    end.

%% A line that a test waits for.
say(Format, Values) ->
    io:format(Format ++ "~n", Values).

%% Makes `Mid` a user of megaco, whose callbacks are in `Module`: its receive handle. Transactions
%% are numbered from anywhere: a gateway that restarted and began at 1 again would be taken for
%% repeating itself (H.248.1 Annex D.1.1). Version 2, since tshark reads the replies to binary
%% audits of version 1 as they were before RFC 3525.
user(Mid, Module, Options) ->
    Timer = #megaco_incr_timer{wait_for = 500, factor = 2, max_retries = 3},
    ok = megaco:start_user(Mid, [{user_mod, Module},
                                 {encoding_mod, encoding(Options)},
                                 {encoding_config, []},
                                 {send_mod, transport(Options)},
                                 {protocol_version, 2},
                                 {auto_ack, true},
                                 {min_trans_id, rand:uniform(1000000000)},
                                 {request_timer, Timer},
                                 {long_request_timer, 5000}]),
    megaco:user_info(Mid, receive_handle).

%% Opens `Port` at `Address`, to be spoken to.
open(Handle, Options) ->
    Address = maps:get("address", Options),
    {ok, Ip} = inet:parse_address(Address),
    Port = list_to_integer(maps:get("port", Options)),
    Given = [{port, Port}, {receive_handle, Handle}],
    case transport(Options) of
        megaco_udp ->
            {ok, Transport} = megaco_udp:start_transport(),
            {ok, Socket, Control} = megaco_udp:open(Transport, [{udp_options, [{ip, Ip}]} | Given]),
            {udp, Socket, Control};
        megaco_tcp ->
            {ok, Transport} = megaco_tcp:start_transport(),
            {tcp, Transport, [{tcp_options, [{ip, Ip}]} | Given]}
    end.

%% Connects with who is at Host and Port, by what open/2 gave.
connect(Handle, {udp, Socket, Control}, {Host, Port}) ->
    Send = megaco_udp:create_send_handle(Socket, Host, Port),
    megaco:connect(Handle, preliminary_mid, Send, Control);
connect(Handle, {tcp, Transport, Given}, {Host, Port}) ->
    To = [{host, Host}, {port, Port} | lists:keydelete(port, 1, Given)],
    case megaco_tcp:connect(Transport, To) of
        {ok, Send, Control} -> megaco:connect(Handle, preliminary_mid, Send, Control);
        Error -> Error
    end.

%% One transaction with one action: the replies to its commands, or what went wrong.
call(Connection, Action) ->
    case megaco:call(Connection, [Action], []) of
        {_, {ok, [#'ActionReply'{errorDescriptor = asn1_NOVALUE} = Reply]}} -> {ok, Reply};
        {_, {ok, Replies}} -> {error, Replies};
        {_, Error} -> Error;
        Other -> {error, Other}
    end.

encoding(#{"encoding" := "pretty"}) -> megaco_pretty_text_encoder;
encoding(#{"encoding" := "compact"}) -> megaco_compact_text_encoder;
encoding(#{"encoding" := "binary"}) -> megaco_binary_encoder.

transport(#{"transport" := "udp"}) -> megaco_udp;
transport(#{"transport" := "tcp"}) -> megaco_tcp.

%% A message identifier from how Annex B writes it.
mid("[" ++ Rest) ->
    [Text, Port] = string:split(Rest, "]"),
    {ok, Ip} = inet:parse_ipv4_address(Text),
    {ip4Address, #'IP4Address'{address = tuple_to_list(Ip), portNumber = port(Port)}};
mid("<" ++ Rest) ->
    [Name, Port] = string:split(Rest, ">"),
    {domainName, #'DomainName'{name = Name, portNumber = port(Port)}};
mid(Device) ->
    {deviceName, Device}.

port(":" ++ Port) -> list_to_integer(Port);
port("") -> asn1_NOVALUE.

%% How Annex B writes a message identifier.
written({ip4Address, #'IP4Address'{address = Octets, portNumber = Port}}) ->
    "[" ++ inet:ntoa(list_to_tuple(octets(Octets))) ++ "]" ++ with_port(Port);
written({domainName, #'DomainName'{name = Name, portNumber = Port}}) ->
    "<" ++ Name ++ ">" ++ with_port(Port);
written({deviceName, Name}) when is_list(Name) ->
    lists:flatten(Name);
written(Other) ->
    lists:flatten(io_lib:format("~p", [Other])).

octets(Octets) when is_binary(Octets) -> binary_to_list(Octets);
octets(Octets) -> Octets.

with_port(asn1_NOVALUE) -> "";
with_port(Port) -> ":" ++ integer_to_list(Port).

%% A termination: a line (`tdm`) or a stream of packets (`rtp`), `Number` or `choose`. In binary
%% a name has three levels of eight bits.
term(_, _, choose) ->
    #megaco_term_id{contains_wildcards = true, id = [[?megaco_choose]]};
term(#{"encoding" := "binary"}, Kind, Number) ->
    Level = case Kind of tdm -> 1; rtp -> 2 end,
    #megaco_term_id{id = [bits(Level), bits(Number div 256), bits(Number rem 256)]};
term(_, Kind, Number) ->
    #megaco_term_id{id = [atom_to_list(Kind), integer_to_list(Number)]}.

bits(Octet) ->
    lists:flatten(io_lib:format("~8.2.0B", [Octet])).

%% The value of a line of a session description, or why a service changes. In binary it is an
%% IA5String (H.248.1 Annex A.2, note 4) where `values=wrapped`; megaco by itself sends it bare.
value(#{"encoding" := "binary", "values" := "wrapped"}, Text) ->
    [22, length(Text) | Text];
value(_, Text) ->
    Text.

%% What such a value says.
said([22, Length | Text]) when length(Text) =:= Length -> Text;
said(Text) -> Text.
