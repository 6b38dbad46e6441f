%% The stream of one termination: RTP (RFC 3550) of G.711, a packet every 20 ms while there is a
%% remote party and the mode lets it.

-module(stream).
-export([start/2, change/2, describe/1, stop/1]).

-include_lib("megaco/include/megaco_message_v2.hrl").

-define(INTERVAL_MS, 20).
-define(SAMPLES, 160).

%% At this port of the gateway's address.
start(Options, Port) ->
    {ok, Ip} = inet:parse_address(maps:get("address", Options)),
    spawn_link(fun() ->
        {ok, Socket} = gen_udp:open(Port, [binary, {ip, Ip}, {active, true}]),
        {ok, _} = timer:send_interval(?INTERVAL_MS, send),
        Address = maps:get("address", Options),
        run(#{options => Options, socket => Socket, address => Address, port => Port,
              mode => inactive, remote => none, ssrc => rand:uniform(16#FFFFFFFF),
              sequence => 0, sent => 0, heard => 0})
    end).

%% What a command's descriptors say of it; what its reply says.
change(Stream, Descriptors) -> ask(Stream, {change, Descriptors}).

%% What an audit's reply says.
describe(Stream) -> ask(Stream, describe).

%% Its statistics.
stop(Stream) -> ask(Stream, stop).

ask(Stream, What) ->
    Reference = make_ref(),
    Stream ! {self(), Reference, What},
    receive {Reference, Said} -> Said end.

run(State) ->
    receive
        {From, Reference, {change, Descriptors}} ->
            {Said, Next} = lists:foldl(fun media/2, {[], State}, Descriptors),
            From ! {Reference, Said},
            run(Next);
        {From, Reference, describe} ->
            From ! {Reference, [described(State)]},
            run(State);
        {From, Reference, stop} ->
            #{socket := Socket, sent := Sent, heard := Heard} = State,
            gen_udp:close(Socket),
            From ! {Reference, [{statisticsDescriptor, [statistic("rtp/ps", Sent),
                                                        statistic("rtp/pr", Heard)]}]};
        {udp, _, _, _, <<2:2, _:6, _/binary>>} ->
            run(heard(State));
        {udp, _, _, _, _} ->
            run(State);
        send ->
            run(send(State))
    end.

media({mediaDescriptor, #'MediaDescriptor'{streams = Streams}}, Before) ->
    lists:foldl(fun parameters/2, Before, listed(Streams));
media(_, Before) ->
    Before.

listed({multiStream, Streams}) ->
    [Parameters || #'StreamDescriptor'{streamParms = Parameters} <- Streams];
listed({oneStream, Parameters}) -> [Parameters];
listed(asn1_NOVALUE) -> [].

parameters(#'StreamParms'{localControlDescriptor = Control, localDescriptor = Local,
                          remoteDescriptor = Remote}, {Said, State}) ->
    Moded = case Control of
                #'LocalControlDescriptor'{streamMode = inactive} ->
                    party:say("silenced", []),
                    State#{mode := inactive};
                #'LocalControlDescriptor'{streamMode = Mode} when Mode =/= asn1_NOVALUE ->
                    State#{mode := Mode};
                _ -> State
            end,
    Aimed = case Remote of
                #'LocalRemoteDescriptor'{propGrps = [Group | _]} ->
                    Place = place(Group),
                    party:say("told of ~s:~b", tuple_to_list(Place)),
                    Moded#{remote := Place};
                _ -> Moded
            end,
    case Local of
        asn1_NOVALUE -> {Said, Aimed};
        _ -> {[described(Aimed)], Aimed}
    end.

described(#{options := Options, address := Address, port := Port}) ->
    Lines = [{"v", "0"}, {"o", "- 1 1 IN IP4 " ++ Address}, {"s", "-"},
             {"c", "IN IP4 " ++ Address}, {"t", "0 0"},
             {"m", "audio " ++ integer_to_list(Port) ++ " RTP/AVP 0"}, {"a", "ptime:20"}],
    Group = [#'PropertyParm'{name = Name, value = [party:value(Options, Value)]}
             || {Name, Value} <- Lines],
    Local = #'LocalRemoteDescriptor'{propGrps = [Group]},
    Parameters = #'StreamParms'{localDescriptor = Local},
    Stream = #'StreamDescriptor'{streamID = 1, streamParms = Parameters},
    {mediaDescriptor, #'MediaDescriptor'{streams = {multiStream, [Stream]}}}.

%% Where a description has its media sent.
place(Group) ->
    [Address] = [lists:last(string:lexemes(party:said(Value), " "))
                 || #'PropertyParm'{name = "c", value = [Value]} <- Group],
    [Port] = [lists:nth(2, string:lexemes(party:said(Value), " "))
              || #'PropertyParm'{name = "m", value = [Value]} <- Group],
    {Address, list_to_integer(Port)}.

statistic(Name, Count) ->
    #'StatisticsParameter'{statName = Name, statValue = [integer_to_list(Count)]}.

heard(#{mode := Mode, heard := Heard} = State) when Mode =:= recvOnly; Mode =:= sendRecv ->
    case Heard of
        0 -> party:say("hears", []);
        _ -> ok
    end,
    State#{heard := Heard + 1};
heard(State) ->
    State.

send(#{mode := Mode, remote := {Address, Port}} = State)
  when Mode =:= sendOnly; Mode =:= sendRecv ->
    #{socket := Socket, ssrc := Ssrc, sequence := Sequence, sent := Sent} = State,
    Header = <<2:2, 0:6, 0:8, Sequence:16, (Sequence * ?SAMPLES):32, Ssrc:32>>,
    ok = gen_udp:send(Socket, Address, Port, [Header, rand:bytes(?SAMPLES)]),
    State#{sequence := (Sequence + 1) rem 65536, sent := Sent + 1};
send(State) ->
    State.
