"""Options of single players and of their networks: `critic.lr`, `student.unet.lora_rank`."""

from collections.abc import Mapping
from typing import Any

from pairgen.config import check_keys, mapping
from pairgen.training.player_options import NetworkConfig, PlayerConfig

Players = Mapping[str, Mapping[str, Any]]


def flattened_players(players: Any) -> dict[str, Any]:
    """Return each option under one name, and each player without options under its own.

    A key of a player that is none of its options is the name of one of its networks, and holds
    that network's options.

    Raises:
        ConfigError: A player or network holds something other than options.
    """
    flat: dict[str, Any] = {}
    for player, own in mapping("players", players).items():
        # Also for a player without options, so that an unknown one is found later.
        flat[player] = {}
        for key, value in mapping(f"players.{player}", own).items():
            if isinstance(value, Mapping) and key not in PlayerConfig.model_fields:
                flat |= {f"{player}.{key}.{name}": each for name, each in value.items()}
            else:
                flat[f"{player}.{key}"] = value
    return flat


def check_player_option(name: str, value: Any) -> Any:
    """Return the checked value of one option from `flattened_players`.

    Raises:
        ConfigError: There is no such option, or the value is not allowed.
    """
    player, dot, key = name.partition(".")
    if not dot:
        return value
    network, dot, inner = key.partition(".")
    if dot:
        where = f"the options of the network {network!r} of the player {player!r}"
        check_keys({inner: value}, list(NetworkConfig.model_fields), where)
        return NetworkConfig.check(inner, value, name)
    known = list(PlayerConfig.model_fields)
    check_keys({key: value}, known, f"the options of the player {player!r}")
    return PlayerConfig.check(key, value, name)


def nested_players(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options by player, as they are written in a file, from their names."""
    players: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        player, _, key = name.partition(".")
        own = players.setdefault(player, {})
        network, dot, inner = key.partition(".")
        if dot:
            own.setdefault(network, {})[inner] = value
        elif key:
            own[key] = value
    return players


def checked_players(name: str, value: Any) -> dict[str, dict[str, Any]]:
    """Return the checked options of all players.

    Raises:
        ConfigError: There is no such option, or a value is not allowed.
    """
    flat = flattened_players(mapping(name, value))
    return nested_players({key: check_player_option(key, each) for key, each in flat.items()})


def player_config(shared: PlayerConfig, players: Players, name: str) -> PlayerConfig:
    """Return the options of one player, above those that all share."""
    fields = PlayerConfig.model_fields
    values = {key: getattr(shared, key) for key in fields}
    own = {key: value for key, value in players.get(name, {}).items() if key in fields}
    return PlayerConfig(**{**values, **own})


def network_configs(shared: PlayerConfig, players: Players, name: str) -> dict[str, NetworkConfig]:
    """Return the options of the networks that a player has options for, above its own."""
    player = player_config(shared, players, name)
    values = {key: getattr(player, key) for key in NetworkConfig.model_fields}
    return {
        network: NetworkConfig(**{**values, **own})
        for network, own in players.get(name, {}).items()
        if network not in PlayerConfig.model_fields
    }
