// smkictl: the command of the people (cli/README.md).
#include "cli/command.h"

int main(int argc, char** argv) {
  smki::cli::KeepStandardStreams();
  return smki::cli::RunCommandLine(argc, argv);
}
