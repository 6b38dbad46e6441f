%% A media gateway controller on OTP's megaco: takes gateways in, numbered in their order, and
%% does with them what it is told.
%%
%% Arguments: mid address port encoding transport commands=PATH, values=wrapped
%% Commands: `audit GATEWAY`, `call GATEWAY GATEWAY`, `look`, `hang-up`,
%%           `hand-off GATEWAY CONTROLLER`

-module(controller).
-export([main/0, start/1, command/2, serve/1]).
-export([handle_connect/2, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3,
         handle_trans_request/3, handle_trans_long_request/3, handle_trans_reply/4,
         handle_trans_ack/4, handle_unexpected_trans/3, handle_trans_request_abort/4]).

-include_lib("megaco/include/megaco.hrl").
-include_lib("megaco/include/megaco_message_v2.hrl").

-define(LINE_1, 1).

main() ->
    party:main(?MODULE, init:get_plain_arguments()).

start(Options) ->
    Mid = party:mid(maps:get("mid", Options)),
    Handle = party:user(Mid, ?MODULE, Options),
    register(gateways, spawn_link(?MODULE, serve, [[]])),
    case party:open(Handle, Options) of
        {tcp, Transport, Given} -> ok = megaco_tcp:listen(Transport, Given);
        {udp, _, _} -> ok
    end,
    #{options => Options, call => none}.

command(["audit", Number], State) ->
    Request = #'AuditRequest'{terminationID = ?megaco_root_termination_id,
                              auditDescriptor = #'AuditDescriptor'{auditToken = []}},
    case ask(Number, ?megaco_null_context_id, [{auditValueRequest, Request}]) of
        {ok, _} -> party:say("audited ~s", [Number]);
        Error -> party:say("not audited ~s ~p", [Number, Error])
    end,
    State;
command(["call", One, Two], #{options := Options} = State) ->
    Line = party:term(Options, tdm, ?LINE_1),
    Choice = party:term(Options, rtp, choose),
    {ok, OneContext, OneStream, OneLocal} =
        added(One, Line, Choice, parameters(recvOnly, chosen(Options), asn1_NOVALUE)),
    {ok, TwoContext, TwoStream, TwoLocal} =
        added(Two, Line, Choice, parameters(sendRecv, chosen(Options), OneLocal)),
    Change = #'AmmRequest'{terminationID = [OneStream],
                           descriptors = media(parameters(sendRecv, asn1_NOVALUE, TwoLocal))},
    {ok, _} = ask(One, OneContext, [{modReq, Change}]),
    party:say("call up", []),
    State#{call := [{One, OneContext, Line, OneStream}, {Two, TwoContext, Line, TwoStream}]};
command(["look"], #{call := Sides} = State) ->
    [begin
         Request = #'AuditRequest'{terminationID = Stream,
                                   auditDescriptor = #'AuditDescriptor'{
                                                        auditToken = [mediaToken]}},
         {ok, #'ActionReply'{commandReply = [{auditValueReply, {auditResult, Result}}]}} =
             ask(Number, Context, [{auditValueRequest, Request}]),
         #'AuditResult'{terminationAuditResult = [{mediaDescriptor, Media}]} = Result,
         party:say("~s is at ~s", [Number, written(local(Media))])
     end || {Number, Context, _, Stream} <- Sides],
    State;
command(["hang-up"], #{call := Sides} = State) ->
    [left(Side) || Side <- Sides],
    party:say("call ended", []),
    State#{call := none};
command(["hand-off", Number, Other], #{options := Options} = State) ->
    Reason = party:value(Options, "903 MGC directed change"),
    Parameters = #'ServiceChangeParm'{serviceChangeMethod = handOff,
                                      serviceChangeReason = [Reason],
                                      serviceChangeMgcId = party:mid(Other)},
    Request = #'ServiceChangeRequest'{terminationID = [?megaco_root_termination_id],
                                      serviceChangeParms = Parameters},
    case ask(Number, ?megaco_null_context_id, [{serviceChangeReq, Request}]) of
        {ok, _} -> party:say("handed off ~s", [Number]);
        Error -> party:say("not handed off ~s ~p", [Number, Error])
    end,
    State.

%% A line and a stream added to a new context: that, the stream, and where it is.
added(Number, Line, Choice, Parameters) ->
    Requests = [{addReq, #'AmmRequest'{terminationID = [Line]}},
                {addReq, #'AmmRequest'{terminationID = [Choice],
                                       descriptors = media(Parameters)}}],
    {ok, #'ActionReply'{contextId = Context, commandReply = Replies}} =
        ask(Number, ?megaco_choose_context_id, Requests),
    [{addReply, _}, {addReply, #'AmmsReply'{terminationID = [Stream],
                                            terminationAudit = [{mediaDescriptor, Media}]}}] =
        Replies,
    Local = local(Media),
    party:say("~s is at ~s", [Number, written(Local)]),
    {ok, Context, Stream, Local}.

%% One side taken down; what its gateway counted.
left({Number, Context, Line, Stream}) ->
    Audit = #'AuditDescriptor'{auditToken = [statsToken]},
    Requests = [{subtractReq, #'SubtractRequest'{terminationID = [Id], auditDescriptor = Audit}}
                || Id <- [Line, Stream]],
    case ask(Number, Context, Requests) of
        {ok, #'ActionReply'{commandReply = [_, {subtractReply, Reply}]}} ->
            party:say("~s counted ~s", [Number, counts(Reply)]);
        Error ->
            party:say("~s did not answer ~p", [Number, Error])
    end.

counts(#'AmmsReply'{terminationAudit = [{statisticsDescriptor, Counts}]}) ->
    Said = [[Name, "=", Value]
            || #'StatisticsParameter'{statName = Name, statValue = [Value]} <- Counts],
    lists:join(" ", Said);
counts(_) ->
    "nothing".

media(Parameters) ->
    Stream = #'StreamDescriptor'{streamID = 1, streamParms = Parameters},
    [{mediaDescriptor, #'MediaDescriptor'{streams = {multiStream, [Stream]}}}].

parameters(Mode, Local, Remote) ->
    Control = #'LocalControlDescriptor'{streamMode = Mode},
    #'StreamParms'{localControlDescriptor = Control, localDescriptor = Local,
                   remoteDescriptor = Remote}.

%% The gateway chooses where it is.
chosen(Options) ->
    Lines = [{"v", "0"}, {"c", "IN IP4 $"}, {"m", "audio $ RTP/AVP 0"}],
    Group = [#'PropertyParm'{name = Name, value = [party:value(Options, Value)]}
             || {Name, Value} <- Lines],
    #'LocalRemoteDescriptor'{propGrps = [Group]}.

local(#'MediaDescriptor'{streams = {multiStream, [Stream]}}) ->
    #'StreamDescriptor'{streamParms = #'StreamParms'{localDescriptor = Local}} = Stream,
    Local;
local(#'MediaDescriptor'{streams = {oneStream, #'StreamParms'{localDescriptor = Local}}}) ->
    Local.

written(#'LocalRemoteDescriptor'{propGrps = [Group]}) ->
    Lines = [party:said(Value) || #'PropertyParm'{name = Name, value = [Value]} <- Group,
                                  Name =:= "c" orelse Name =:= "m"],
    lists:join(", ", Lines).

ask(Number, Context, Commands) ->
    Requests = [#'CommandRequest'{command = Command} || Command <- Commands],
    Action = #'ActionRequest'{contextId = Context, commandRequests = Requests},
    party:call(at(fun(Known) -> lists:nth(list_to_integer(Number), Known) end), Action).

%% Which gateways there are: their connections, in the order of their first registrations.
serve(Known) ->
    receive
        {From, Reference, Look} when is_function(Look) ->
            From ! {Reference, Look(Known)},
            serve(Known);
        {From, Reference, Connection} ->
            Now = case lists:member(Connection, Known) of
                      true -> Known;
                      false -> Known ++ [Connection]
                  end,
            From ! {Reference, length(lists:takewhile(fun(One) -> One =/= Connection end,
                                                      Now)) + 1},
            serve(Now)
    end.

at(What) ->
    Reference = make_ref(),
    gateways ! {self(), Reference, What},
    receive {Reference, Answer} -> Answer end.

%% Callbacks of megaco.

handle_connect(_, _) -> ok.

handle_disconnect(Connection, _, Reason) ->
    megaco:cancel(Connection, Reason),
    ok.

handle_syntax_error(_, _, Error) ->
    party:say("malformed ~p", [Error]),
    reply.

handle_message_error(_, _, Error) ->
    party:say("refused ~p", [Error]),
    no_reply.

handle_trans_request(Connection, _, Actions) ->
    {discard_ack, [action(Connection, Action) || Action <- Actions]}.

action(Connection, #'ActionRequest'{contextId = Context, commandRequests = Requests}) ->
    Replies = [answer(Connection, Command) || #'CommandRequest'{command = Command} <- Requests],
    #'ActionReply'{contextId = Context, commandReply = Replies}.

answer(Connection, {serviceChangeReq, Request}) ->
    #'ServiceChangeRequest'{terminationID = Ids, serviceChangeParms = Parameters} = Request,
    #'ServiceChangeParm'{serviceChangeMethod = Method, serviceChangeReason = [Reason]} =
        Parameters,
    Who = party:written(Connection#megaco_conn_handle.remote_mid),
    case Ids of
        [?megaco_root_termination_id] ->
            party:say("registered ~b ~s ~p ~s",
                      [at(Connection), Who, Method, party:said(Reason)]);
        [_] ->
            party:say("~b has lost a stream ~p ~s", [at(Connection), Method, party:said(Reason)])
    end,
    Result = {serviceChangeResParms, #'ServiceChangeResParm'{serviceChangeVersion = 2}},
    {serviceChangeReply, #'ServiceChangeReply'{terminationID = Ids, serviceChangeResult = Result}};
answer(Connection, {notifyReq, #'NotifyRequest'{terminationID = Ids}}) ->
    party:say("notified by ~b", [at(Connection)]),
    {notifyReply, #'NotifyReply'{terminationID = Ids}}.

handle_trans_long_request(_, _, _) ->
    {discard_ack, #'ErrorDescriptor'{errorCode = ?megaco_not_implemented}}.

handle_trans_reply(_, _, _, _) -> ok.

handle_trans_ack(_, _, _, _) -> ok.

handle_unexpected_trans(_, _, Transaction) ->
    party:say("unexpected ~p", [Transaction]),
    ok.

handle_trans_request_abort(_, _, _, _) -> ok.
