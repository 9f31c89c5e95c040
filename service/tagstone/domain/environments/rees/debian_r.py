"""R packages that Debian bookworm has, below r-cran- and r-bioc-. Written by scripts/make_debian_r.py; do not edit."""
# ruff: noqa: SIM905 - a list with quotes would be three times as long

CRAN = frozenset(
    """
    abind acepack actuar ade4 adegenet adegraphics adephylo admisc aer afex airr alakazam amap amelia amore animation
    apcluster ape aplpack argparse argparser arm arsenal askpass assertive.base assertive.sets assertthat av aweek backports
    base64enc base64url batchjobs batchtools bayesfactor bayesfm bayesm bayesplot bayestestr bbmisc bbmle bdgraph bdsmatrix
    beeswarm bench benchmarkme benchmarkmedata bh biasedurn bibtex bigmemory bigmemory.sri bindr bindrcpp bio3d biocmanager
    bios2cor bit bit64 bitops biwt blme blob blockmodeling bms bold bookdown boolnet boot bradleyterry2 brew brglm brglm2
    bridgesampling brio brms brobdingnag broom broom.mixed bslib ca cachem caic4 cairo calibrate calibratr callr car cardata
    caret catools cba cellranger cgdsr checkmate chron circlize circular class classint cli cliapp clipr clisymbols clock
    clubsandwich clue cluster clustergeneration cmdfun cmprsk cmstatr coarsedatatools coda codetools coin collapse
    colorspace colourpicker combinat commonmark conditionz conquer contfrac conting corpcor corrplot covid19us covr cowplot
    cpp11 crayon credentials crosstalk crul ctmcd cubature cubelyr curl cutpointr cvar cvst cyclocomp d3network data.table
    datawizard date dbi dbitest dbplyr dbscan ddalpha ddrtree deal decor deldir dendextend dendsort densityclust deoptim
    deoptimr desc desolve devtools dfoptim diagnosismed dichromat diffobj digest dimred diptest dirmult discriminer distory
    distr distributional docopt domc doparallel dorng dosefinding dosnow dotcall64 downlit downloader dplyr dqrng drr dslabs
    dt dtplyr dygraphs dynamictreecut dynlm e1071 eaf earth eco ecodist ecosolver effects effectsize egg ei eipack ellipse
    ellipsis elliptic emayili emdbook emmeans emoa energy enrichwith epi epibasix epicalc epiestim epir epitools erm
    estimability estimatr etm evaluate evd exactranktests expint expm extradistr factoextra factominer fail fancova fansi
    farver fassets fastcluster fastica fastmap fastmatch fauxpas fbasics fbonds fcopulae fdrtool fextremes ff ffield fftw
    fgarch fields filehash filelock fimport findpython fingerprint fit.models fitbitscraper fitcoach fitdistrplus flashclust
    flexmix flextable fmultivar fnn fnonlinear fontawesome fontbitstreamvera fontliberation fontquiver forcats foreach
    forecast foreign formatr formattable formula fpc fportfolio fracdiff freetypeharfbuzz fregression fs ftrading fts
    funitroots furrr futile.logger futile.options future future.apply future.batchtools g.data gam gamm4 gargle gb2 gbm gbrd
    gbutils gclus gdata gdtools gee geepack genabel genabel.data generics genetics genie genieclust genoplotr geoknife
    geometry geosphere gert getopt getoptlong ggalluvial ggally gganimate ggbeeswarm ggdendro ggeffects ggforce ggfortify
    ggm ggplot.multistats ggplot2 ggpubr ggraph ggrastr ggrepel ggridges ggsci ggseqlogo ggsignif ggtext ggthemes ggvis gh
    git2r gitcreds glasso glmmtmb glmnet globaloptions globals glue gmaps gmm gmodels gmp gnm goftest googledrive
    googlesheets4 googlevis goplot gower gparotation gplots gprofiler2 graphlayouts gregmisc gridbase gridextra gridgraphics
    gridsvg gridtext grimport2 gsa gsl gss gstat gsubfn gtable gtools guerry gunifrac gwidgets gwidgetstcltk haplo.stats
    hardhat hash haven hdf5r heatmaply here hexbin highr hmisc hms hsaur3 htmltable htmltools htmlwidgets httpcode httpuv
    httr httr2 huge hunspell hwriter hypergeo ica ids igraph incidence ini inline insight interp intervals inum ipred irace
    irdisplay irkernel irlba iso isoband isocodes isospecr isoweek iterators itertools janeaustenr jinjar jomo jpeg
    jquerylib jrc jsonld jsonlite kaos kedd kernelheaping kernlab kernsmooth keyring km.ci kmi kmsurv knitr knn.covertree
    kohonen ks ksamples kutils labdsv labeling laeken lambda.r lamw lasso2 later lattice latticeextra lava lavaan
    lavasearch2 lazyeval lbfgsb3c leaps learnbayes leiden leidenbase lexrankr lhs libcoin lifecycle linprog lintr lisreltor
    listenv littler lme4 lmertest lmtest lobstr locfit logcondens logger logging logspline loo lpsolve lsd lsei lsmeans
    lubridate luminescence lwgeom m2r magic magick magrittr maldiquant maldiquantforeign manipulatewidgets maotai mapdata
    mapproj maps maptools maptree markdown markovchain mass matching matchit mathjaxr matlab matrix matrixcalc matrixmodels
    matrixstats maxlik maxstat mclust mclustcomp mcmc mcmcpack mda medadherence mediana memoise mertools metadat metafor
    metamix metap metrics mets mfilter mgcv mi mice mime minerva miniui minpack.lm minqa misc3d misctools mitml mitools
    mixsqp mixtools mlbench mlmetrics mlmrev mlr mnormt mnp mockery mockr modeest modeldata modelmetrics modelr modeltools
    mpoly msm multcomp multcompview multicool multidimbio multilevel munsell mutoss mvnfast mvnormtest mvtnorm nanotime
    natserv ncdf4 ncdfgeom ncmeta network nfactors nleqslv nlme nloptr nlp nmf nnet nnls nortest nozzle.r1 npsurv numderiv
    officer openmx openssl openxlsx optimalcutpoints optimparallel optimx optparse ordinal orthopolynom packrat
    palmerpenguins pammtools pan pander parallelly parallelmap parameters paramhelpers parmigene parsetools partitions party
    partykit patchwork pbapply pbdzmq pbivnorm pbkrtest pbmcapply pcapp pcict pdftools pec performance permute phangorn
    pheatmap phylobase phytools pillar pingr pixmap pkgbuild pkgcond pkgconfig pkgdown pkgkitten pkgload pkgmaker pki plm
    plogr plot3d plotly plotmo plotrix pls plumber plyr png poissonbinomial polspline polyclip polycor polycub polynom
    poorman popepi posterior postlogic powerlaw prabclus pracma praise prediction prettycode prettyr prettyunits prevalence
    princurve proc processx prodlim profilemodel profmem profvis progress progressr projpred promises propclust prophet
    proto proxy ps pscbs pscl psy psych psychometric psychotools psychotree psychtools psyphy publish purrr purrrlyr pvclust
    pwr pwt pwt8 pwt9 qap qgraph qlcmatrix qpdf qqconf qqman qtl quadprog quantmod quantreg qvcalc r.cache r.devices
    r.methodss3 r.oo r.rsp r.utils r2d2 r2html r6 ragg randomfields randomfieldsutils randomforest randomglm ranger rann
    rappdirs raschsampler raster ratelimitr rbibutils rcarb rcdk rcdklibs rcmdcheck rcmdr rcmdrmisc rcolorbrewer rcpp
    rcppannoy rcpparmadillo rcppcctz rcppdate rcppdist rcppeigen rcppgsl rcpphnsw rcppml rcppmlpack rcppparallel
    rcppprogress rcpproll rcppspdlog rcpptoml rcsdp rcurl rdbnomics rdflib rdpack readbrukerflexdata readmzxmldata readr
    readstata13 readxl recipes redland registry regsem relimp relsurv rematch rematch2 remotes rentrez repr reprex reshape
    reshape2 restfulr reticulate rex rgdal rgenoud rgeos rgl rglpk rglwidget rgooglemaps rhandsontable rinside rio
    riskregression ritis rjags rjava rjson rlang rle rlinsolve rlist rlrsim rlumshiny rmarkdown rmpfr rmpi rms rmutil rmysql
    rnaturalearthdata rncl rneos rnetcdf rnexml rngtools rniftilib robumeta robust robustbase robustrankaggreg rockchalk
    rocr rodbc rook rook-examples rose rotl roxygen2 rpact rpart rpf rpostgresql rprojroot rprotobuf rquantlib rrcov
    rredlist rsample rsclient rsconnect rsdmx rserve rslurm rsolnp rspectra rsqlite rstan rstanarm rstantools rstatix
    rstudioapi rsvd rsvg rsymphony rtdists rtsne rtweet runit rversions rvest rwave rwiener s2 sampling samr sandwich sass
    satellite scales scatterd3 scattermore scatterplot3d sctransform sdmtools segmented selectr sem semplot semtools
    sendmailr seqinr seriation seroincidence sessioninfo setrng sets seurat seuratobject sf sfsmisc sftime shades shape
    shapes shazam shiny shinybs shinycssloaders shinydashboard shinyfiles shinyjs shinystan shinythemes simplermarkdown
    sitmo sjlabelled sjmisc sjplot sjstats skimr slam slider sm smcfcs smoother sn sna snakecase snow snowballc snowfall
    sodium solrium sourcetools sp spacetime spam sparql sparr sparsem sparsesvd spatial spatialreg spatstat spatstat.core
    spatstat.data spatstat.explore spatstat.geom spatstat.linnet spatstat.model spatstat.random spatstat.sparse
    spatstat.utils spc spdata spdep spdl spelling splines2 spp sqldf squarem stable stabledist stablelearner stanheaders
    stars startupmsg statcheck statip statmod statnet.common stringdist stringi stringr strucchange suppdists surveillance
    survey survival survminer survmisc susier svglite svmisc svunit swagger sys systemfit systemfonts taxize tcltk2 tcr
    teachingdemos tensor tensora terra testextra testit testthat textshaping tfisher tfmpvalue tgp th.data thematic themis
    threejs tibble tidygraph tidyr tidyselect tidytext tidyverse tiff tigger tikzdevice timechange timedate timereg
    timeseries tinytest tinytex tkrplot tm tmb tmvnsim tmvtnorm tokenizers transformr treescape treespace triebeard
    trimcluster truncdist truncnorm tseries tsne tsp ttr tufte tweenr tzdb ucminf udunits2 unbalanced uniqtag unitizer units
    upsetr urca urlchecker urltools uroot usethis utf8 uuid uwot v8 vcd vcdextra vcr vctrs vdiffr vegan venndiagram vgam vim
    vioplot vipor viridis viridislite vroom waldo warp waveslim wavethresh wdi webfakes webgestaltr webmockr webshot
    webutils wgcna whatif whisker whoami wikidataqueryservicer wikidatar wikipedir wikitaxa withr wk wkutils wordcloud
    worrms xfun xml xml2 xmlparsedata xopen xslt xtable xts yaml zeallot zelig zeligchoice zeligei zeligverse zip zoo
    """.split()
)
"""Names of CRAN in lower case, as Debian writes them."""

BIOCONDUCTOR = frozenset(
    """
    affxparser affy affyio all altcdfenvs annotate annotationdbi annotationfilter annotationhub aroma.light arrayexpress
    ballgown basilisk basilisk.utils beachmat biobase biocbaseutils bioccheck biocfilecache biocgenerics biocio
    biocneighbors biocparallel biocsingular biocstyle biocversion biocviews biomart biomformat biostrings biovizbase
    bladderbatch bluster bsgenome bsseq chemminer cner complexheatmap consensusclusterplus ctc cummerbund dada2 decoupler
    degnorm degreport delayedarray delayedmatrixstats demixt deseq deseq2 destiny dexseq dir.expiry dirichletmultinomial
    dnacopy drimseq dropletutils dss dupradar ebseq edaseq edger eir ensembldb experimenthub fishpond fmcsr genefilter
    genelendatabase geneplotter genomeinfodb genomeinfodbdata genomicalignments genomicfeatures genomicfiles genomicranges
    geoquery ggbio glmgampoi go.db gosemsim goseq graph grohmm gseabase gsva gviz hdf5array hilbertvis hsmmsinglecell
    htsfilter hypergraph ihw impute interactivedisplaybase ioniser iranges isoformswitchanalyzer keggrest limma lpsymphony
    makecdfenv matrixgenerics megadepth mergeomics metagenomeseq metapod mofa monocle multiassayexperiment multtest
    mutationalpatterns nanostringqcpro netsam noiseq oligo oligoclasses org.hs.eg.db organismdbi pcamethods phyloseq
    preprocesscore progeny protgenerics purecn pwmenrich qtlizer qusage qvalue rbgl rcpi residualmatrix rgsepd rhdf5
    rhdf5filters rhdf5lib rhtslib rots rsamtools rsubread rtracklayer rwikipathways s4vectors savr scaledmatrix scater scran
    scrnaseq scuttle seqlogo shortread singlecellexperiment singler snpstats sparsematrixstats stringdb
    structuralvariantannotation summarizedexperiment sva tcgabiolinks tcgabiolinksgui.data tfbstools titancna tximeta
    tximport tximportdata variantannotation wrench xvector zlibbioc
    """.split()
)
"""Names of Bioconductor in lower case."""
