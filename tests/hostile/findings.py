"""The findings of an examination, by number, and what holds each: a test, or words of a document.

    python -m tests.hostile.findings

Prints the table. A letter is a part of the findings: A prompts, captions, tars, tables, models; B
images and training; C under attack; D beside other implementations. A part E was never written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Names of cases in their tables, and what runs them.
HELD_BY = {
    "tars": "tests/hostile/containers/test_containers.py::test_all_is_taken_or_told",
    "folders": "tests/hostile/containers/test_containers.py::test_all_is_taken_or_told",
    "prompts": "tests/hostile/tables/test_tables.py::test_prompts_are_taken_or_refused",
    "captions": "tests/hostile/tables/test_tables.py::test_images_are_taken_or_refused",
    "cells": "tests/hostile/tables/test_tables.py::test_images_are_taken_or_refused",
    "files": "tests/hostile/pixels/test_table.py::test_every_file_is_taken_or_has_its_reason",
    "pixels": "tests/hostile/pixels/test_truth.py::test_pixels_are_those_of_another_decoder",
}
_TARS = "tests/hostile/containers/test_containers.py::"
_PLANS = "tests/shards/format/test_plan_file.py::"
_URLS = "tests/sources/urls/test_images.py::"
_SCHEDULES = "tests/teachers/test_schedules_of_models.py::"
_WEIGHTS = "tests/teachers/test_weights.py::"
_FOLDERS = "tests/teachers/test_folders_of_models.py::"
_SPOOL = "tests/shards/storage/test_spool.py::"
_CLUSTER = "tests/execution/ray/test_cluster.py::"
_SD = "tests/teachers/test_latent_diffusion.py::"
_TWO = "tests/execution/test_two_commands.py::"
_STORES = "tests/chaos/test_flaky_store.py::"
_THREADS = "tests/training/test_train.py::test_a_run_goes_on_in_the_threads_that_it_began_with"


@dataclass(frozen=True)
class Finding:
    """What was found, and what holds it.

    Attributes:
        what: What was found, in a few words.
        tests: Tests that hold it: `path::name`.
        cases: Table of `HELD_BY` to the names of cases that hold it.
        words: Path of a document, and what it says since: of a figure, where it comes from.
    """

    what: str
    tests: tuple[str, ...] = ()
    cases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[str, str] | None = None

    @property
    def holders(self) -> list[str]:
        """What holds it; cases follow their tests."""
        of_cases = [f"{HELD_BY[table]} ({'; '.join(names)})" for table, names in self.cases.items()]
        return [*self.tests, *of_cases, *(self.words or ())[:1]]


def held(what: str, *tests: str, **cases: tuple[str, ...]) -> Finding:
    return Finding(what, tests, cases)


def told(what: str, document: str, words: str) -> Finding:
    return Finding(what, words=(document, words))


PROMPTS_AND_TARS = {
    "A.A": held(
        "text encoders rounded to the dtype of their config",
        f"{_SD}test_embeddings_equal_diffusers_whatever_dtype_a_config_names",
    ),
    "A.B.1": held("capital letters in a tar", tars=("capital suffix", "mixed case")),
    "A.B.2": held("a dot in a key", tars=("number in the key", "all keys with a dot")),
    "A.B.3": held("a name twice", tars=("one name twice", "one name in two cases")),
    "A.B.4": held("a tar cut at a header", tars=("cut at a header", "cut in a header")),
    "A.B.5": held("joined tars", tars=("another tar behind its end",)),
    "A.B.6": held("a packed tar beside others", folders=("a packed tar beside an image",)),
    "A.B.7": held("hard links", tars=("a hard link", "a link to what is not there")),
    "A.B.8": held("no word of what a tar holds", tars=("no images",)),
    "A.C.1": held("metadata above the images", captions=("above (metadata.csv)",)),
    "A.C.2": held(
        "lists and NaN as captions",
        captions=("a list (metadata.jsonl)", "NaN (metadata.jsonl)", "a list (t.jsonl)"),
    ),
    "A.C.3": held(
        "a comma in a caption", captions=("too many cells (metadata.csv)", "too many cells (t.csv)")
    ),
    "A.C.4": held(
        "a row without a name", captions=("no name (metadata.jsonl)", "no name (t.jsonl)")
    ),
    "A.C.5": held(
        "captions in json or `caption` of a tar", tars=("caption in json", "caption in a member")
    ),
    "A.C.7": held(
        "an open quote", captions=("an open quote (metadata.csv)", "an open quote (t.csv)")
    ),
    "A.C.8": held(
        "tables beside images",
        captions=("beside (metadata.parquet)", "a table of others beside"),
        folders=("a table without images beside images",),
    ),
    "A.D.1": held("other delimiters", prompts=("semicolons (.csv)", "tabs (.csv)", "bars (.csv)")),
    "A.D.2": held("no header", prompts=("no header (.csv)", "no header (.tsv)")),
    "A.D.3": held(
        "the first row decides for all", prompts=("a later row (.jsonl)", "another key (.jsonl)")
    ),
    "A.D.4": held("the only column", prompts=("addresses (.csv)", "another name (.parquet)")),
    "A.E.1": held(
        "prompts of img2dataset twice",
        f"{_TARS}test_a_folder_of_img2dataset_gives_each_prompt_once",
    ),
    "A.E.2": held("images of img2dataset refused", folders=("a folder of img2dataset",)),
    "A.E.3": held("members not side by side", tars=("samples not side by side", "texts first")),
    "A.F": held(
        "tracebacks for model folders that are slightly other",
        f"{_FOLDERS}test_a_folder_that_does_not_is_refused_by_file_and_key",
    ),
    "A.G": held(
        "cut weights with a variant are not fetched",
        f"{_WEIGHTS}test_a_hub_gives_the_parts_that_the_index_names",
    ),
    "A.H": held(
        "the cause of a failed connection to Ray is cut",
        "tests/execution/ray/test_options.py::test_the_cause_of_a_failed_connection_is_told_whole",
    ),
    "A.I.1": held(
        "refusals of folders with fp16 files only",
        f"{_WEIGHTS}test_a_folder_of_one_variant_alone_is_taken_and_said",
        f"{_WEIGHTS}test_parts_without_the_variant_are_read_from_their_plain_files",
    ),
    "A.I.2": held(
        "refusals of .bin files and of cut weights",
        f"{_WEIGHTS}test_pickled_weights_are_converted_by_the_command_that_is_told",
        f"{_WEIGHTS}test_a_missing_part_is_named",
    ),
    "A.I.3": held(
        "refusals of one-file checkpoints",
        f"{_WEIGHTS}test_what_is_no_folder_of_diffusers_is_refused_with_what_to_do",
    ),
    "A.I.4": held(
        "shapes that do not fit",
        f"{_FOLDERS}test_a_folder_that_does_not_is_refused_by_file_and_key",
    ),
    "A.I.5": held(
        "cells with paths, UTF-16, packed tars by another name",
        cells=("text (parquet)", "a path, no bytes (parquet)", "null (parquet)"),
        prompts=("utf-16, a header (.csv)", "utf-16-le, a header (.csv)"),
        tars=("packed, by a wrong name",),
    ),
    "A.I.6": held(
        "a user's module in the working folder",
        "tests/cli/test_own_files.py::test_a_single_file_is_a_part_however_pairgen_is_started",
    ),
    "A.I.7": held("`s3://` shown as `s3:/`", _URLS + "test_what_is_not_in_a_store_is_named"),
    "A.K.1": held(
        "zero terminal SNR with v-prediction",
        f"{_SCHEDULES}test_ddim_with_zero_terminal_snr_equals_diffusers_bit_for_bit",
    ),
    "A.K.2": held(
        "`leading` and steps_offset",
        f"{_SCHEDULES}test_leading_is_moved_by_the_offset_that_the_pipeline_takes",
    ),
    "A.K.3": held(
        "tensors that the config does not know", f"{_FOLDERS}test_what_is_left_out_is_told"
    ),
    "A.K.4": held(
        "a negative prompt cut without a word",
        "tests/jobs/ode/test_negative_prompt.py::test_a_negative_prompt_that_is_cut_is_flagged",
    ),
    "A.K.5": held("a glob reads captions as lists", folders=("a glob that catches captions",)),
}
IMAGES = {
    "B.1a": held(
        "an exception that ends the run",
        "tests/hostile/pixels/test_reasons.py::test_what_is_raised_is_a_reason",
        files=("no-second-page.tif",),
    ),
    "B.1b": held("names that are no UTF-8", files=("caf\\xe9.png", "\\xff\\xfe.png")),
    "B.2": held(
        "TIFFs on their side",
        pixels=tuple(f"TIFF  orientation {number}" for number in (5, 6, 7, 8)),
    ),
    "B.3": held(
        "integer TIFFs with wrong pixels",
        files=("i32.tif", "i32-small.tif", "u32.tif", "i16.tif"),
        pixels=("TIFF gray, 12 bits", "TIFF gray, 16 bits, white is zero"),
    ),
    "B.4.1": held("linked folders", folders=("linked folders", "nothing but a linked folder")),
    "B.4.2": held(
        "names of members", tars=("capital suffix", "dates as keys", "names in several parts")
    ),
    "B.4.3": held("a member twice", tars=("one name twice",)),
    "B.4.4": held("files of other kinds", folders=("other kinds of files", "JPEG by rarer names")),
    "B.4.5": held("a packed tar", folders=("a packed tar beside an image",)),
    "B.4.6": held(
        "no count of what is passed over",
        f"{_TARS}test_prompts_tell_what_their_sources_hold_besides",
        folders=("what macOS leaves", "hidden files and folders"),
        tars=("a link", "hidden files"),
    ),
    "B.5": held(
        "columns of other byte types",
        cells=("a dictionary (parquet)", "a view (parquet)", "a fixed size (parquet)"),
    ),
    "B.6": held(
        "a failed slot does not say which image",
        "tests/hostile/pixels/test_table.py::"
        "test_a_failed_slot_names_its_image_wherever_it_is_told",
    ),
    "B.8": held(
        "`empty file` for cells that are not",
        cells=("a path alone (parquet)", "a list (parquet)", "no byte (parquet)"),
    ),
    "B.9.1": held("long texts in a PNG", files=("ztxt-2mb.png", "itxt-2mb.png")),
    "B.9.2": held(
        "`no image` of what cannot be read",
        files=("text-crc.png", "gray-alpha-16.tif", "rgb-f32.tif"),
    ),
    "B.9.3": held("tRNS of 16 bits", pixels=("PNG gray, 16 bits, tRNS", "PNG RGB, 16 bits, tRNS")),
    "B.9.4": held("`too large` without a size", files=("large-30000.png", "large-12000.png")),
    "B.9.5": held(
        "`the last checkpoint stands` when there is none",
        "tests/training/test_checkpoint.py::test_what_stands_is_told_only_if_it_does",
    ),
    "B.9.6": held(
        "equal names in two folders",
        f"{_TARS}test_two_folders_with_equal_names_are_recorded_apart",
    ),
    "B.10": held("`--resume` in other threads", _THREADS),
}
ATTACK = {
    "C.1": held(
        "a set without its plan is overwritten",
        f"{_PLANS}test_finished_shards_without_a_plan_are_refused_and_stay",
        f"{_STORES}test_a_plan_that_cannot_be_seen_is_not_a_plan_that_is_not_there",
    ),
    "C.2": held("a resumed training is not the training", _THREADS),
    "C.3": held(
        "a stranger's set names a module",
        "tests/test_plugins.py::test_a_module_that_nobody_named_is_not_imported",
        "tests/cli/test_trust.py::test_every_command_runs_it_when_it_is_trusted",
    ),
    "C.4": held(
        "drivers of two containers with one host name",
        f"{_SPOOL}test_containers_of_one_host_name_do_not_take_each_others_files",
    ),
    "C.5": held(
        "pid 1 in a container",
        f"{_SPOOL}test_containers_of_one_host_name_do_not_take_each_others_files",
        f"{_SPOOL}test_a_live_owners_file_is_kept_and_a_dead_ones_removed",
    ),
    "C.6": held(
        "Arrow files are read without validation",
        "tests/sources/test_arrow_files.py::test_any_flipped_byte_is_read_or_raises",
    ),
    "C.7": held(
        "credentials in URLs are published",
        "tests/cli/test_secrets.py::test_the_commands_of_a_whole_project_keep_their_secrets",
    ),
    "C.8": held("a TIFF ends the run", files=("no-second-page.tif",)),
    "C.9.1": held(
        "bombs in plans, indices, receipts, schedules",
        "tests/untrusted/test_yaml_text.py::test_what_is_endless_once_it_is_read_is_refused",
        "tests/shards/format/test_parsing.py::"
        "test_so_many_shards_that_no_memory_holds_them_are_refused",
        "tests/shards/format/test_index.py::test_more_rows_than_slots_are_refused_unread",
        "tests/test_receipts.py::test_a_value_of_another_kind_is_refused",
        f"{_FOLDERS}test_a_folder_that_does_not_is_refused_by_file_and_key",
    ),
    "C.9.2": held(
        "a cell of 600 MB in a small table",
        "tests/sources/test_arrow_files.py::test_a_cell_that_unpacks_to_gigabytes_is_refused",
        "tests/untrusted/test_parquet.py::"
        "test_a_page_that_unpacks_to_gigabytes_is_refused_whatever_the_footer_says",
        "tests/untrusted/test_parquet_delta.py::"
        "test_more_lengths_than_values_are_refused_in_either_sequence",
    ),
    "C.9.3": held("sparse members of 10 GB", tars=("a sparse file of 10 GB",)),
    "C.9.4": held(
        "headers of a tar that ask for 2^60 bytes",
        tars=(
            "a header with 2^60 bytes",
            "a header with a name of 2^60 bytes",
            "a header with a size of 2^60",
        ),
    ),
    "C.9.5": held(
        "large PNGs of 16 bits take gigabytes",
        "tests/hostile/pixels/test_truth.py::test_an_image_in_parts_is_the_whole",
    ),
    "C.10.1": held(
        "tracebacks for receipts, plans, models, checkpoints",
        "tests/hostile/flips/test_flips.py::test_no_file_of_a_set_lies_unnoticed",
        "tests/shards/format/test_parsing.py::test_values_of_other_kinds_are_refused",
        "tests/training/test_checkpoint.py::test_a_state_that_does_not_belong_is_one_sentence",
        f"{_FOLDERS}test_a_folder_that_does_not_is_refused_by_file_and_key",
    ),
    "C.10.2": held(
        "tracebacks for metadata.jsonl",
        captions=("brackets without end (metadata.jsonl)", "a surrogate (metadata.jsonl)"),
    ),
    "C.10.3": held(
        "tracebacks for tars",
        "tests/hostile/tables/test_mutated.py::test_damaged_tables_are_refused_or_accounted_for",
        tars=("a header with a map that is none", "a header with a negative size"),
    ),
    "C.11": held(
        "Ray waits without a word",
        "tests/execution/ray/test_options.py::test_what_is_no_head_is_told_at_once",
        f"{_CLUSTER}test_a_cluster_without_room_ends_the_run_after_stuck_after",
        f"{_CLUSTER}test_a_lost_head_ends_the_run_with_what_to_do",
        "tests/execution/ray/test_shard_actor.py::"
        "test_an_exception_of_the_users_code_is_a_sentence_with_the_log",
    ),
    "C.12": held(
        "no retry of a store's call",
        f"{_STORES}test_tries_again_carry_a_run_over_every_failure",
    ),
    "C.13": held(
        "what `train` copies from a stranger's teacher",
        f"{_SD}test_what_a_link_leads_to_is_not_exported",
        f"{_SD}test_only_what_a_model_consists_of_is_exported",
    ),
    "C.14": held(
        "checkpoints without checksums",
        "tests/training/test_checkpoint.py::test_any_other_byte_of_a_state_is_found",
        "tests/test_model_files.py::test_any_other_is_refused",
    ),
    "C.15": held(
        "raw escape sequences",
        "tests/cli/test_shown_text.py::test_a_name_does_not_reach_the_terminal_as_a_command",
        "tests/test_visible.py::test_control_characters_are_visible",
        "tests/test_visible.py::test_markdown_shows_the_very_text",
    ),
    "C.17": held(
        "minor",
        f"{_SPOOL}test_verify_tells_what_ended_processes_left",
        f"{_SPOOL}test_a_planted_link_is_neither_followed_nor_removed",
        "tests/shards/check/test_manifest_check.py::test_a_manifest_that_disagrees_is_named",
        f"{_TWO}test_the_plan_of_the_first_is_replaced_while_nothing_is_finished",
    ),
}
OTHERS = {
    "D.1": held(
        "the first resize of Real-ESRGAN",
        "tests/kinds/degrade/test_pyramid.py::test_draws_are_the_published_chain_to_one_level",
        "tests/kinds/degrade/test_pyramid.py::"
        "test_the_other_positions_of_the_first_resize_are_far_off",
    ),
    "D.2": told(
        "`everywhere` of 20 draws", "benchmarks/RESULTS.md", "| **195 of 200** (182), largest 11 |"
    ),
    "D.3": told(
        "a figure of unsharp masking of one picture",
        "benchmarks/RESULTS.md",
        "at most 1.2e-6 on that picture (one picture",
    ),
    "D.4": held(
        "augmentations of E-LatentLPIPS",
        "tests/losses/test_latent_augmentation.py::"
        "test_a_half_turn_by_the_published_centre_shifts_by_a_tenth_of_a_pixel",
        "tests/losses/test_latent_augmentation.py::"
        "test_the_published_centre_resamples_moves_of_whole_pixels_too",
    ),
    "D.5": told(
        "a figure of dpmpp_2m", "docs/guarantees.md", "18 runs of `dpmpp_2m` were 2.9e-6 away"
    ),
    "D.6": held(
        "FastGen's own configuration reads nothing",
        "tests/test_bridges.py::test_fastgens_keys_are_members_of_a_sample",
        "tests/test_bridges.py::test_a_path_is_what_fastgen_takes_for_one",
    ),
}
FINDINGS: dict[str, Finding] = {**PROMPTS_AND_TARS, **IMAGES, **ATTACK, **OTHERS}


def main() -> None:
    print("| finding | what | held by |\n|---|---|---|")
    for number, found in FINDINGS.items():
        print(f"| {number} | {found.what} | {'<br>'.join(found.holders)} |")


if __name__ == "__main__":
    main()
