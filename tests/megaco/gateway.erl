%% A media gateway on OTP's megaco: registers, does what its controller says, and sends and hears
%% RTP at each stream's termination as the mode allows.
%%
%% Arguments: mid address port encoding transport controllers=HOST:PORT,... media=PORT
%%            commands=PATH, values=wrapped, disconnected=yes
%% Commands: `notify`, `failover`

-module(gateway).
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
    register(terminations, spawn_link(?MODULE, serve, [Options])),
    Controllers = [place(Text) || Text <- string:lexemes(maps:get("controllers", Options), ",")],
    State = #{options => Options, handle => Handle, open => party:open(Handle, Options),
              controllers => Controllers},
    {Method, Reason} = case Options of
                           #{"disconnected" := _} -> {disconnected, "900 Service restored"};
                           _ -> {restart, "901 Cold boot"}
                       end,
    registered(State, Method, Reason).

command(["notify"], #{options := Options, connection := Connection} = State) ->
    Event = #'ObservedEvent'{eventName = "al/of"},
    Events = #'ObservedEventsDescriptor'{requestId = 1, observedEventLst = [Event]},
    Request = #'NotifyRequest'{terminationID = [party:term(Options, tdm, ?LINE_1)],
                               observedEventsDescriptor = Events},
    case party:call(Connection, action(?megaco_null_context_id, {notifyReq, Request})) of
        {ok, _} -> party:say("notify answered", []);
        Error -> party:say("notify failed ~p", [Error])
    end,
    State;
command(["failover"], #{controllers := [First | Others]} = State) ->
    gone(State),
    registered(State#{controllers := Others ++ [First]}, failover,
               "909 MGC impending failure");
command(["handed-off", Controller], State) ->
    gone(State),
    registered(State#{controllers := [place(Controller)]}, handOff, "903 MGC directed change").

%% ServiceChange on ROOT with the first controller, and wherever that sends us.
registered(#{options := Options, handle := Handle, open := Open,
             controllers := [First | _]} = State, Method, Reason) ->
    case party:connect(Handle, Open, First) of
        {ok, Connection} ->
            Parameters = #'ServiceChangeParm'{serviceChangeMethod = Method,
                                              serviceChangeReason = [party:value(Options, Reason)],
                                              serviceChangeVersion = 2},
            Request = #'ServiceChangeRequest'{terminationID = [?megaco_root_termination_id],
                                              serviceChangeParms = Parameters},
            Action = action(?megaco_null_context_id, {serviceChangeReq, Request}),
            answered(party:call(Connection, Action), State, Method, Reason);
        Error ->
            party:say("not connected ~p", [Error]),
            State
    end.

answered({ok, #'ActionReply'{commandReply = [{serviceChangeReply, Reply}]}}, State, Method,
         Reason) ->
    [Connection] = megaco:user_info((maps:get(handle, State))#megaco_receive_handle.local_mid,
                                    connections),
    Connected = State#{connection => Connection},
    case Reply#'ServiceChangeReply'.serviceChangeResult of
        {serviceChangeResParms, #'ServiceChangeResParm'{serviceChangeMgcId = asn1_NOVALUE}} ->
            Remote = Connection#megaco_conn_handle.remote_mid,
            party:say("registered with ~s", [party:written(Remote)]),
            Connected;
        {serviceChangeResParms, #'ServiceChangeResParm'{serviceChangeMgcId = Other}} ->
            party:say("sent to ~s", [party:written(Other)]),
            gone(Connected),
            registered(State#{controllers := [place(party:written(Other))]}, Method, Reason);
        {errorDescriptor, Error} ->
            party:say("not registered ~p", [Error]),
            Connected
    end;
answered(Error, State, _, _) ->
    party:say("not registered ~p", [Error]),
    State.

gone(#{handle := Handle}) ->
    Mid = Handle#megaco_receive_handle.local_mid,
    [begin
         megaco:disconnect(Connection, left),
         megaco:cancel(Connection, left)
     end || Connection <- megaco:user_info(Mid, connections)].

action(Context, Command) ->
    #'ActionRequest'{contextId = Context, commandRequests = [#'CommandRequest'{command = Command}]}.

%% HOST:PORT, the host in brackets or not.
place(Text) ->
    [Host, Port] = string:split(Text, ":", trailing),
    {string:trim(Host, both, "[]<>"), list_to_integer(Port)}.

%% The terminations: who asks for something waits for its reply.
serve(Options) ->
    Media = list_to_integer(maps:get("media", Options)),
    serve(#{options => Options, next => 1, media => Media, context => 1, streams => #{}}, ok).

serve(State, ok) ->
    receive
        {From, Reference, Actions} ->
            {Replies, Next} = lists:mapfoldl(fun act/2, State, Actions),
            From ! {Reference, Replies},
            serve(Next, ok)
    end.

act(#'ActionRequest'{contextId = Asked, commandRequests = Requests}, State) ->
    {Context, Started} = case Asked of
                             ?megaco_choose_context_id ->
                                 #{context := Number} = State,
                                 {Number, State#{context := Number + 1}};
                             _ -> {Asked, State}
                         end,
    Commands = [Command || #'CommandRequest'{command = Command} <- Requests],
    {Replies, Ended} = lists:mapfoldl(fun do/2, Started, Commands),
    {#'ActionReply'{contextId = Context, commandReply = Replies}, Ended}.

do({addReq, #'AmmRequest'{terminationID = [Id], descriptors = Descriptors}}, State) ->
    #{options := Options, next := Number} = State,
    case Id of
        #megaco_term_id{contains_wildcards = true} ->
            New = party:term(Options, rtp, Number),
            Stream = stream:start(Options, maps:get(media, State) + 2 * Number),
            Known = maps:put(New, Stream, maps:get(streams, State)),
            Said = stream:change(Stream, Descriptors),
            {amms(addReply, New, Said), State#{next := Number + 1, streams := Known}};
        _ ->
            {amms(addReply, Id, []), State}
    end;
do({modReq, #'AmmRequest'{terminationID = [Id], descriptors = Descriptors}}, State) ->
    case State of
        #{streams := #{Id := Stream}} ->
            {amms(modReply, Id, stream:change(Stream, Descriptors)), State};
        _ ->
            {amms(modReply, Id, []), State}
    end;
do({subtractReq, #'SubtractRequest'{terminationID = [Id]}}, #{streams := Known} = State) ->
    Statistics = case Known of
                     #{Id := Stream} -> stream:stop(Stream);
                     _ -> []
                 end,
    {amms(subtractReply, Id, Statistics), State#{streams := maps:remove(Id, Known)}};
do({auditValueRequest, #'AuditRequest'{terminationID = Id}}, #{streams := Known} = State) ->
    Said = case Known of
               #{Id := Stream} -> stream:describe(Stream);
               _ -> []
           end,
    Result = #'AuditResult'{terminationID = Id, terminationAuditResult = Said},
    {{auditValueReply, {auditResult, Result}}, State};
do({serviceChangeReq, #'ServiceChangeRequest'{terminationID = Ids} = Request}, State) ->
    #'ServiceChangeParm'{serviceChangeMethod = Method, serviceChangeMgcId = Controller} =
        Request#'ServiceChangeRequest'.serviceChangeParms,
    party:say("told ~p", [Method]),
    [party ! {command, ["handed-off", party:written(Controller)]} || Method =:= handOff],
    Result = {serviceChangeResParms, #'ServiceChangeResParm'{}},
    {{serviceChangeReply, #'ServiceChangeReply'{terminationID = Ids,
                                                serviceChangeResult = Result}}, State}.

amms(Kind, Id, []) ->
    {Kind, #'AmmsReply'{terminationID = [Id]}};
amms(Kind, Id, Said) ->
    {Kind, #'AmmsReply'{terminationID = [Id], terminationAudit = Said}}.

%% Callbacks of megaco.

handle_connect(_, _) -> ok.

handle_disconnect(_, _, _) -> ok.

handle_syntax_error(_, _, Error) ->
    party:say("malformed ~p", [Error]),
    reply.

handle_message_error(_, _, Error) ->
    party:say("refused ~p", [Error]),
    no_reply.

handle_trans_request(_, _, Actions) ->
    Reference = make_ref(),
    terminations ! {self(), Reference, Actions},
    receive {Reference, Replies} -> {discard_ack, Replies} end.

handle_trans_long_request(_, _, _) ->
    {discard_ack, #'ErrorDescriptor'{errorCode = ?megaco_not_implemented}}.

handle_trans_reply(_, _, _, _) -> ok.

handle_trans_ack(_, _, _, _) -> ok.

handle_unexpected_trans(_, _, Transaction) ->
    party:say("unexpected ~p", [Transaction]),
    ok.

handle_trans_request_abort(_, _, _, _) -> ok.
