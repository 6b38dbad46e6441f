#!/usr/bin/env escript
%% Decodes H.248 messages with Erlang's megaco, and tells where one is not the other but for what
%% was to change. Reads lines of words: name, sender, before or -, after, then swaps in pairs.
main([]) ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            [Name, Sender, Before, After | Swaps] = string:lexemes(Line, " \n"),
            compare(Name, Sender, Before, decoded(After), pairs(Swaps)),
            main([])
    end.

compare(Name, _, "-", _, _) ->
    io:format("~s: same~n", [Name]);
compare(Name, Sender, Before, After, Swaps) ->
    <<A, B, C, D, Port:16>> = octets(Sender),
    Message = swapped(decoded(Before), Swaps),
    Mess = setelement(3, element(3, Message), {ip4Address, {'IP4Address', [A, B, C, D], Port}}),
    case setelement(3, Message, Mess) of
        After -> io:format("~s: same~n", [Name]);
        Expected -> io:format("~s: ~p~nbut~n~p~n", [Name, Expected, After])
    end.

decoded(Hex) ->
    {ok, Message} = megaco_ber_encoder:decode_message([native], dynamic, octets(Hex)),
    plain(Message).

octets(Hex) ->
    << <<(list_to_integer([A, B], 16))>> || <<A, B>> <= list_to_binary(Hex) >>.

pairs([Old, New | Rest]) ->
    [{binary_to_list(octets(Old)), binary_to_list(octets(New))} | pairs(Rest)];
pairs([]) ->
    [].

plain(Value) when is_binary(Value) -> binary_to_list(Value);
plain(Value) when is_tuple(Value) -> list_to_tuple(plain(tuple_to_list(Value)));
plain([Head | Tail]) -> [plain(Head) | plain(Tail)];
plain(Value) -> Value.

swapped(Value, Swaps) when is_list(Value) ->
    case lists:keyfind(Value, 1, Swaps) of
        {_, New} -> New;
        false -> [swapped(Inner, Swaps) || Inner <- Value]
    end;
swapped(Value, Swaps) when is_tuple(Value) ->
    list_to_tuple(swapped(tuple_to_list(Value), Swaps));
swapped(Value, _) ->
    Value.
