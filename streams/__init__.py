# SPDX-License-Identifier: Apache-2.0
"""The rules, pure: no network, no clock, no randomness, nothing but values.

    request ──▶ catalogue ──facts──▶ ┌──────────────┐ ──▶ projector ──rows──▶ gateway
                                     │ the task log │
               ┌───────facts───────▶ │ one topic    │ ──▶ replay, audit
               │                     └──────┬───────┘
               │                            ▼
               │                  workflow: fold, link, release
               │                            │ orders
               │                 ┌──────────┴──────────┐
               ├───────────── downloader          processor ──records──▶ index
               │                 │ layers               │ layers
               └── janitor ──▶   object store ◀─────────┘

`payload` reads a request; `events` are the facts, `orders` what is asked of workers;
`envelope` and `codec` put them on the topics of `topics`. `dependencies.step` folds one
fact: it reads rows (`table`), links tiles (`chains`) by the rules of `transitions` and
`failures`, and returns the rows that changed and the orders set free. `replay` folds a
whole log.
"""
