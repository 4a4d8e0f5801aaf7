// SPDX-License-Identifier: Apache-2.0
// One include for Catch2 version 2 (Debian 12) and version 3 (Ubuntu 24.04). Tests include nothing else of Catch2.
#pragma once
#ifdef PLUMBLINE_CATCH3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
