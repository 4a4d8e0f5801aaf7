// SPDX-License-Identifier: Apache-2.0
// The script that replays an op outside of plumbline knows every kind of op there is.
#include "report/repro.h"

#include <plumbline/contract.h>

#include "support/catch.h"

using namespace plumbline;

TEST_CASE("every kind of op has its replay") {
  for (const Contract& contract : all_contracts()) {
    for (const OpKind kind : contract.kinds) {
      INFO(op_kind_name(kind));
      CHECK(repro_covers(kind));
    }
  }
}
