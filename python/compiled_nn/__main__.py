from compiled_nn.cli import main

raise SystemExit(main())
